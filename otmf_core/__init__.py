"""OTMF: continual model merging by masks and optimal transport (arXiv 2511.19561).

    from otmf_core import MergeConfig, load_run, open_library, run_merge

Importing the package loads neither torch nor anything else of the engine; a name loads what it needs when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otmf_core.config import MergeConfig as MergeConfig
    from otmf_core.library.library import open_library as open_library
    from otmf_core.merging.merge import run_merge as run_merge
    from otmf_core.runs.folder import load_run as load_run

__version__ = "0.1.0"
__all__ = ["MergeConfig", "load_run", "open_library", "run_merge"]

_HOMES = {
    "MergeConfig": "config",
    "load_run": "runs.folder",
    "open_library": "library.library",
    "run_merge": "merging.merge",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
