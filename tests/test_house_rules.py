"""The rules of the house that a machine can check: which way imports point, what loads torch, what is never called."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from otmf_core.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "otmf_core"

WITHOUT_TORCH = [
    "errors",
    "files",
    "tables",
    "layout",
    "settings",
    "config",
    "metrics",
    "methods.base",
    "methods.table",
    "methods.context",
    "runs.state",
    "runs.record",
    "runs.events",
    "runs.view",
    "runs.folder",
    "runs.check",
    "runs.archive",
    "runs.usage",
    "models.inputs",
    "models.tensor_names",
    "masks.measures",
    "masks.reading",
    "library.library",
    "library.geometry",
    "library.importers.opening",
    "library.known_tasks",
    "library.importers.datasets",
    "analysis.features",
    "transport.transport_plan",
    "analysis.projection",
    "forecast.sizes",
    "forecast.work",
    "forecast.devices",
    "forecast.disk",
    "merging.of_texts",
    "jobs.queue",
    "jobs.joined",
    "jobs.ray",
    "jobs.keeper",
    "analysis.sweeps",
    "analysis.comparison",
    "analysis.ablations",
    "analysis.results",
    "analysis.standings",
    "analysis.studies.shipped",
    "export.model_card",
    "export.layouts",
    "notebook",
    "tracking.table",
    "tracking.tracked",
    "tracking.mirror",
    *(f"cli.{path.stem}" for path in (ENGINE / "cli").glob("[!_]*.py")),
]
SCREENS = {"streamlit", "plotly", "dashboard"}
HEAVY = {"torch", "open_clip", "timm", "geomloss", "sklearn", "torchvision", "ray"}

FILES = sorted(ENGINE.rglob("*.py"))


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


def test_imports_keep_the_contracts():
    """Floors of the engine, rooms of the dashboard: [tool.importlinter] in pyproject.toml."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run([*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


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


def modules(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def loaded(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter has loaded after a statement."""
    return {name.split(".")[0] for name in modules(statement)}


def test_the_engine_loads_no_screen():
    every = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES if path.name != "__main__.py"]
    found = loaded("; ".join(f"import {module.removesuffix('.__init__')}" for module in every))
    assert "torch" in found
    assert not found & SCREENS


def test_light_modules_load_nothing_heavy():
    assert not loaded("; ".join(f"import otmf_core.{module}" for module in WITHOUT_TORCH)) & HEAVY


def test_listing_loads_nothing_heavy():
    commands = [["list", "tasks"], ["list", "runs"], ["list", "libraries"]]
    assert not loaded(f"from otmf_core.cli.main import main; [main(command) for command in {commands}]") & HEAVY


def command(*arguments: str) -> str:
    """A statement that runs a command of the program to its exit."""
    return f"from otmf_core.cli.main import main\ntry: main({[*arguments]})\nexcept SystemExit: pass"


def test_help_loads_the_names_of_commands_alone():
    added = modules(command("--help")) - modules("pass")
    own = {name for name in added if name.split(".")[0] not in sys.stdlib_module_names}
    assert own == {
        "otmf_core", "otmf_core.errors", "otmf_core.cli", "otmf_core.cli.main", "otmf_core.cli.commands",
        "otmf_core.cli.exit_codes",
    }  # fmt: skip


def test_a_command_loads_no_other():
    for name in COMMANDS:
        others = {f"otmf_core.cli.{other}" for other in COMMANDS if other != name}
        shared = {"otmf_core.cli.list"} if name == "library" else set()  # `otmf library list` is `otmf list libraries`
        assert modules(command(name, "--help")) & others == shared


def test_checking_the_inputs_of_a_merge_loads_no_tables_for_analysis():
    check = "[library.check_task(task, ('calibration', 'labelled', 'test')) for task in library.suites['8']]"
    found = modules(f"from otmf_core import open_library; library = open_library('minizoo'); {check}")
    assert "pyarrow.parquet" in found
    assert not found & {"pandas", "pyarrow.compute", "scipy", "sklearn"}


FIRST_LINE = """
import io, sys
class Line(io.StringIO):
    def write(self, text):
        assert text.startswith("Reading "), text
        raise SystemExit
sys.stderr = Line()
"""


def test_the_first_line_of_a_merge_waits_for_no_arrays():
    found = modules(f"{FIRST_LINE}{command('merge', '--suite', '8')}\nsys.stderr = sys.__stderr__")
    assert not {name.split(".")[0] for name in found} & {"numpy", "pyarrow", "PIL", "safetensors", *HEAVY}
