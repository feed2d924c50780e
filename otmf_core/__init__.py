"""OTMF: continual model merging by masks and optimal transport (arXiv 2511.19561).

    from otmf_core import load_run, run_merge

    run = run_merge(tasks=["mnist", "thai"], iterations=20)
    run.matrix, run.losses, run.masks()

Importing the package loads neither torch nor anything else of the engine; a name loads what it needs when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otmf_core.config import MergeConfig as MergeConfig
    from otmf_core.library.library import open_library as open_library
    from otmf_core.notebook import OpenedRun as OpenedRun
    from otmf_core.notebook import load_run as load_run
    from otmf_core.notebook import run_merge as run_merge

__version__ = "0.1.0"
__all__ = ["MergeConfig", "OpenedRun", "load_run", "open_library", "run_merge"]

_HOMES = {
    "MergeConfig": "config",
    "OpenedRun": "notebook",
    "load_run": "notebook",
    "open_library": "library.library",
    "run_merge": "notebook",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
