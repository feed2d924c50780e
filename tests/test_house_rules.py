"""The rules of the house that a machine can check: which way imports point, what loads torch, what is never called."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "otmf_core"

# Imports point to the left: a module may import those before it, and those of its own folder.
ORDER = [
    "errors", "files", "config", "device", "metrics", "runs", "progress", "run_check", "archive", "tensor_names",
    "mask_measures", "mask_reading", "checkpoints", "backbone", "library", "finished", "geometry", "task_vector",
    "masks", "mask_report", "transport", "context", "evaluation", "heads", "methods", "sizes", "forecast", "estimate",
    "record", "fold", "merge", "replay", "features", "plan", "projection", "model_card", "export", "answers", "jobs",
    "sweeps", "cli_options", "cli_progress", "cli_tables", "cli", "__main__", "minizoo",
]  # fmt: skip

WITHOUT_TORCH = [
    "errors", "files", "config", "metrics", "progress", "runs", "archive", "tensor_names", "mask_measures",
    "mask_reading", "library", "geometry", "features", "plan", "projection", "sizes", "forecast", "jobs", "sweeps",
    "cli",
]  # fmt: skip
SCREENS = {"streamlit", "plotly", "dashboard"}
HEAVY = {"torch", "open_clip", "timm", "geomloss", "sklearn", "torchvision"}

FILES = sorted(ENGINE.rglob("*.py"))


def place(path: Path) -> str:
    """The name under which a file stands in ORDER: its module, or its folder inside the engine."""
    return path.relative_to(ENGINE).with_suffix("").parts[0]


def imports(tree: ast.AST) -> set[str]:
    """Full names of everything a file imports, wherever in the file; `from a import b` counts as a.b."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"imports are absolute: line {node.lineno}"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_every_module_has_its_place():
    assert {place(path) for path in FILES} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_imports_point_down_the_list(path: Path):
    own = place(path)
    for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        top, *rest = name.split(".")
        assert top not in SCREENS, f"the engine knows nothing of screens: {name}"
        if top == "otmf_core" and rest[0] in ORDER:
            assert own != "__init__", f"otmf_core itself imports nothing of the engine: {name}"
            assert rest[0] == own or ORDER.index(rest[0]) < ORDER.index(own), f"{own} stands before {rest[0]}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_nothing_is_unpickled_and_no_device_is_named(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    forbidden = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    assert not {name.split(".")[0] for name in imports(tree)} & forbidden
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        assert node.func.attr != "cuda", f"devices come from one argument: line {node.lineno}"
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if ast.unparse(node.func) == "torch.load":
            assert options.get("weights_only") == "True", f"weights only: line {node.lineno}"
        if ast.unparse(node.func) in ("np.load", "numpy.load"):
            assert options.get("allow_pickle", "False") == "False", f"no pickles: line {node.lineno}"


@pytest.mark.parametrize("path", sorted((ROOT / "dashboard/charts").glob("*.py")), ids=lambda path: path.name)
def test_charts_are_data_in_figure_out(path: Path):
    assert not {name for name in imports(ast.parse(path.read_text(encoding="utf-8"))) if name.startswith("streamlit")}


def loaded(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_engine_loads_no_screen():
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES if path.name != "__main__.py"]
    found = loaded("; ".join(f"import {module.removesuffix('.__init__')}" for module in modules))
    assert "torch" in found
    assert not found & SCREENS


def test_light_modules_load_nothing_heavy():
    assert not loaded("; ".join(f"import otmf_core.{module}" for module in WITHOUT_TORCH)) & HEAVY


def test_listing_loads_nothing_heavy():
    commands = [["list", "tasks"], ["list", "runs"], ["list", "libraries"]]
    assert not loaded(f"from otmf_core.cli import main; [main(command) for command in {commands}]") & HEAVY
