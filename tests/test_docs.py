"""The documents hold: links lead somewhere, files named exist, commands parse, and the example method works."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from otmf_core import layout
from otmf_core.cli import options as cli_options
from otmf_core.cli.commands import COMMANDS, parser_of
from otmf_core.config import MergeConfig
from otmf_core.library.library import open_library
from otmf_core.methods.base import Method, State
from otmf_core.methods.context import Context
from otmf_core.runs.events import Event
from otmf_core.runs.folder import Status
from otmf_core.runs.record import RunRecord
from otmf_core.runs.state import RunState
from tests.tiny import ROOT

ARCHITECTURE, RUN_FOLDER, METHOD = "docs/architecture.md", "docs/run-folder.md", "docs/adding-a-method.md"
AT_THE_TOP = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
LIBRARIES = "docs/libraries.md"
GUIDES = ["docs/benchmarks.md", "docs/scale.md", "docs/sharing.md"]
DOCUMENTS = [*AT_THE_TOP, ARCHITECTURE, RUN_FOLDER, METHOD, LIBRARIES, *GUIDES]

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
AT_THE_ROOT = ("otmf_core/", "dashboard/", "tests/", "docs/", "assets/", ".github/")  # paths in the repository begin so


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language, without the indentation of a list around them."""
    found = []
    for kind, code in FENCE.findall(text):
        if kind == language:
            margin = min(len(line) - len(line.lstrip()) for line in code.splitlines() if line.strip())
            found.append("".join(f"{line[margin:]}\n" for line in code.splitlines()))
    return found


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its own heading aside."""
    table = text[text.index(f"\n{heading}\n") :].partition("|---")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[1:]]


# --- links and paths -------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """What the headings of a document are linked by: lower case, without punctuation, hyphens for spaces."""
    headings = [CODE.sub(r"\1", heading) for heading in HEADING.findall(FENCE.sub("", text))]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(text: str, document: str) -> list[str]:
    """The links and images of a document that lead to no file or to no heading, but those to other sites."""
    broken = []
    for link in LINK.findall(CODE.sub("", FENCE.sub("", text))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        there = target.is_file() and target.resolve().is_relative_to(ROOT)
        if not there or (anchor and anchor not in anchors(target.read_text(encoding="utf-8") if path else text)):
            broken.append(link)
    return broken


def missing_paths(text: str) -> list[str]:
    """What stands in backticks, looks like a file or folder of the repository, and is not there."""
    named = {name for name in CODE.findall(FENCE.sub("", text)) if re.fullmatch(r"[\w./-]+", name)}
    paths = {name for name in named if name.startswith(AT_THE_ROOT) or re.search(r"\w\.(py|toml)$", name)}
    return sorted(path for path in paths if path != "page.py" and not (ROOT / path).exists())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_images_lead_somewhere(document: str):
    assert LINK.search(read(document))
    assert not broken_links(read(document), document)


def test_every_document_is_looked_at():
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*") if path.is_file()}
    own = {"docs/merge.ipynb"}  # by its test, which executes it
    assert found == {document for document in DOCUMENTS if document.startswith("docs/")} | own


def test_a_broken_link_is_seen():
    text = "# A `b` heading\n```sh\n# no heading\n```\n[a](../README.md) [b](#a-b-heading) [c](https://x.org/none)"
    assert not broken_links(text, ARCHITECTURE)
    for link in ("none.md", "README.md", "../none.png", "#a-c-heading", "#no-heading", "../README.md#none", "../.."):
        assert broken_links(f"{text}\n![x]({link})", ARCHITECTURE) == [link]
    assert missing_paths("`otmf_core/none.py` `none.py` `docs/none` `otmf_core/cli/main.py` `docs/` `a/b.json`") == [
        "docs/none", "none.py", "otmf_core/none.py",
    ]  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_named_exist(document: str):
    ours = list(example()) if document == METHOD else []
    assert missing_paths(read(document)) == ours


@pytest.mark.parametrize(("document", "least"), [(ARCHITECTURE, 40), (RUN_FOLDER, 6)])
def test_files_are_named_by_their_whole_paths(document: str, least: int):
    named = {name for name in CODE.findall(FENCE.sub("", read(document))) if name.startswith(AT_THE_ROOT)}
    assert len(named) >= least


# --- commands --------------------------------------------------------------------------------------------------------


def commands(text: str) -> list[list[str]]:
    """The arguments of every command line of this program, in blocks and in backticks."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()] + CODE.findall(FENCE.sub("", text))
    starts = (re.match(r"\$? ?(?:otmf|(?:\S*/)?python3? -m otmf_core) (.*)", line) for line in lines)
    return [shlex.split(start[1], comments=True) for start in starts if start]


def test_commands_of_the_readme_are_taken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.chdir(ROOT)
    found = commands(read("README.md"))
    assert len(found) >= 9
    assert {arguments[0] for arguments in found} == set(COMMANDS)
    for arguments in [*found, *commands(read(LIBRARIES))]:
        try:
            options = parser_of(arguments).parse_args(arguments)
        except SystemExit:
            pytest.fail(f"{shlex.join(arguments)}: {capsys.readouterr().err}")
        # what the parser cannot know: tasks, suites, and whose settings these are
        if arguments[0] == "merge" and not {"my-clip", "my-t5"} & {*arguments}:
            library = open_library(options.library)
            tasks = cli_options.tasks(options, library)
            assert [library.task(task).id for task in tasks] == list(tasks)
            MergeConfig.build(options.preset, tasks=tasks, **cli_options.overrides(options))


def test_a_command_is_seen_wherever_it_stands():
    text = (
        "Say `otmf list tasks`.\n```sh\notmf show RUN   # its record\n.venv/bin/python -m otmf_core list runs\nls\n```"
    )
    assert commands(text) == [["show", "RUN"], ["list", "runs"], ["list", "tasks"]]
    assert not commands("`python -m otmf_core.minizoo build`\n```sh\ndocker build -t otmf .\n```")


def test_the_readme_begins_with_its_two_commands():
    first, *_ = blocks(read("README.md"), "sh")
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make run", "make test"]


def test_benchmarks_are_scripts_that_are_there():
    scripts = {path.stem for path in (ROOT / "tests/benchmarks").glob("*.py")}
    (block,) = blocks(read("docs/benchmarks.md"), "sh")
    assert set(re.findall(r"python -m tests\.benchmarks\.(\w+) ", block)) == scripts


# --- architecture ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "package"),
    [("## The floors of the engine", "otmf_core"), ("## The rooms of the dashboard", "dashboard")],
)
def test_floors_and_rooms_are_those_of_the_contracts(heading: str, package: str):
    tomllib = pytest.importorskip("tomllib")
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract.get("containers") == [package])
    documented = [CODE.findall(row[0]) for row in rows(read(ARCHITECTURE), heading)]
    assert [set(names) for names in documented] == [set(layer.split(" | ")) for layer in layers]


# --- the run folder --------------------------------------------------------------------------------------------------


def test_every_name_in_a_run_folder_is_documented():
    constants = [value for constant, value in vars(layout).items() if constant.isupper()]
    names = {name for value in constants for name in (value.values() if isinstance(value, dict) else [value])}
    assert {"config.json", "carried.safetensors", "owner.json", "features/key.json", "export-lora"} <= names
    text = read(RUN_FOLDER)
    assert not {name for name in names if name not in text}


@pytest.mark.parametrize("model", [RunState, RunRecord], ids=lambda model: model.__name__)
def test_every_field_of_state_and_record_is_documented(model: type[RunState | RunRecord]):
    heading = {RunState: "## progress.json", RunRecord: "## record.json"}[model]
    documented = [name for row in rows(read(RUN_FOLDER), heading) for name in CODE.findall(row[0])]
    assert sorted(documented) == sorted(model.model_fields)


def test_every_status_is_documented():
    text = read(RUN_FOLDER)
    (statuses,) = re.findall(r"^\| status \| \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert set(re.findall(r"^\| `(\w+)`", statuses, re.MULTILINE)) == set(get_args(Status))


def test_the_configurations_shown_are_those_of_the_defaults_then_and_now():
    new, old = (json.loads(block) for block in blocks(read(RUN_FOLDER), "json"))
    config = MergeConfig.parse(new)
    assert config.model_dump(mode="json") == new
    assert config == MergeConfig.build(tasks=new["tasks"])
    assert "format" not in old
    then = {"iterations": 100, "lr": 0.1, "momentum": 0.9, "memory": 64, "loss": "sinkhorn"}
    assert MergeConfig.parse(old) == config.with_settings(**then, views=1, temperature=1.0, batch_earlier=None)


def test_every_file_of_a_finished_run_is_documented(default: tuple[Path, list[Event]]):
    run, _ = default
    text = read(RUN_FOLDER)
    kinds = {re.sub(r"steps/\d\d/", "", path.relative_to(run).as_posix()) for path in run.rglob("*") if path.is_file()}
    assert {"config.json", "curves.parquet", "merged.safetensors"} <= kinds
    assert not {kind for kind in kinds if f"`{kind}`" not in text}


# --- the example method ----------------------------------------------------------------------------------------------


def example() -> dict[str, str]:
    """The files of the example by their paths."""
    return dict(re.findall(r"^`(\S+)`:\n\n```python\n(.*?)^```$", read(METHOD), re.MULTILINE | re.DOTALL))


FILE, TEST = "otmf_core/methods/steady_sum.py", "tests/methods/test_steady_sum.py"
GIVEN = ["--method", "steady-sum", "--decay", "0.6", "--grow", "--cap", "2.5", "--mean", "quadratic"]
SETTINGS: dict[str, Any] = {"decay": 0.6, "grow": True, "cap": 2.5, "mean": "quadratic"}


@pytest.fixture
def steady_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Method]:
    """The class of the example, as written."""
    path = tmp_path / "steady_sum.py"
    path.write_text(example()[FILE], encoding="utf-8")
    spec = spec_from_file_location("otmf_core.methods.steady_sum", path)
    assert spec and spec.loader
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where its annotations are looked up
    spec.loader.exec_module(module)
    return module.SteadySum


def in_float64(vectors: list[np.ndarray], decay: float, grow: bool, cap: float | None, mean: str) -> list[np.ndarray]:
    """Δ_m after every step, by the definition."""
    merged, results = np.zeros_like(vectors[0]), []
    for t in range(1, len(vectors) + 1):
        norms = np.array([np.linalg.norm(vector) for vector in vectors[:t]])
        norm = norms.mean() if mean == "arithmetic" else np.sqrt((norms**2).mean())
        norm = min(norm * (np.sqrt(t) if grow else 1), np.inf if cap is None else cap)
        total = decay * merged + vectors[t - 1]
        merged = norm * total / np.linalg.norm(total)
        results.append(merged)
    return results


def test_the_example_is_short_and_has_every_kind_of_setting(steady_sum: type[Method]):
    assert list(example()) == [FILE, TEST]
    assert len(example()[FILE].splitlines()) <= 40
    kinds = {name: (setting.kind, setting.optional) for name, setting in steady_sum.described().items()}
    assert kinds == {
        "decay": ("float", False), "grow": ("bool", False), "cap": ("float", True), "mean": ("choice", False),
    }  # fmt: skip
    swept = steady_sum.swept()
    assert swept and swept.name == "decay" and swept.shown.main


@pytest.mark.parametrize(
    "settings",
    [{}, {"decay": 0.3}, {"grow": True}, {"cap": 3.0}, {"mean": "quadratic"}, {"decay": 0.0, "cap": 1e-3}, SETTINGS],
    ids=str,
)
def test_the_example_computes_what_it_says(settings: dict[str, Any], steady_sum: type[Method]):
    import torch

    generator = torch.Generator().manual_seed(3)
    shapes = {"weight": (7, 5), "kernel": (3, 2, 2, 2), "bias": (4,), "scale": ()}
    sizes, kinds = (0.5, 2.0, 1.0, 0.1, 3.0), (torch.float16, torch.float32, torch.bfloat16, torch.float64, torch.half)
    vectors = [
        {name: (size * torch.randn(shape, generator=generator)).to(kind) for name, shape in shapes.items()}
        for size, kind in zip(sizes, kinds, strict=True)
    ]
    flat = [np.concatenate([tensor.double().numpy().ravel() for tensor in vector.values()]) for vector in vectors]
    before = [{name: tensor.clone() for name, tensor in vector.items()} for vector in vectors]

    defaults = {"decay": 1.0, "grow": False, "cap": None, "mean": "arithmetic"}
    method = steady_sum.model_validate(settings)
    assert method.settings() == defaults | settings
    state: State | None = None
    for step, (incoming, expected) in enumerate(
        zip(vectors, in_float64(flat, **(defaults | settings)), strict=True), start=1
    ):
        if state is None:
            state = method.begin(incoming, Context(step=step))
        else:
            kept = {name: tensor.clone() for name, tensor in state.delta.items()}, dict(state.numbers)
            after = method.fuse(state, incoming, Context(step=step))
            assert all(state.delta[name].equal(tensor) for name, tensor in kept[0].items())
            assert state.numbers == kept[1]
            state = after
        assert {name: tensor.shape for name, tensor in state.delta.items()} == shapes
        assert {tensor.dtype for tensor in state.delta.values()} == {torch.float32}
        found = np.concatenate([tensor.numpy().ravel() for tensor in state.delta.values()])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
        state = State(state.delta, state.tensors, json.loads(json.dumps(dict(state.numbers))))  # as the fold saves it
    assert all(vector[name].equal(was[name]) for vector, was in zip(vectors, before, strict=True) for name in was)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the engine with the example, its test, and the lines of the table."""
    copy = tmp_path_factory.mktemp("program")
    shutil.copytree(ROOT / "otmf_core", copy / "otmf_core", ignore=shutil.ignore_patterns("__pycache__", "mini*"))
    for path, code in example().items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(code, encoding="utf-8")
    (block,) = blocks(read(METHOD), "diff")
    added, entry = (line[1:] for line in block.splitlines() if line.startswith("+"))
    table = copy / "otmf_core/methods/table.py"
    lines = table.read_text(encoding="utf-8").splitlines()
    lines.insert(lines.index("from otmf_core.methods.base import Method"), added)
    lines.insert(lines.index(")"), entry)
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return copy


def run(program: Path, *command: str) -> str:
    """What a command prints in the copy."""
    done = subprocess.run([sys.executable, *command], cwd=program, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_help_says_of_the_example_what_the_document_says(program: Path):
    printed = " ".join(run(program, "-X", "utf8", "-m", "otmf_core", "merge", "--help").split())
    (said,) = blocks(read(METHOD), "text")
    assert len(said.splitlines()) == 5
    for line in said.splitlines():
        assert line in printed


def test_the_examples_own_tests_pass(program: Path):
    assert re.search(r"\d passed", run(program, "-m", "pytest", "-q", "-p", "no:cacheprovider", TEST))


def test_the_example_merges(program: Path, tiny: Path, tmp_path: Path):
    where = ["--library", str(tiny), "--suite", "3", "--device", "cpu", "--out", str(tmp_path), "--json"]
    record = json.loads(run(program, "-m", "otmf_core", "merge", *where, *GIVEN))
    assert (record["status"], record["method"], record["settings"]) == ("done", "steady-sum", SETTINGS)
    assert (record["labels"], record["memory_per_task"]) == ("none", 0)


# --- contributing ----------------------------------------------------------------------------------------------------


def test_contributing_is_short():
    assert len(read("CONTRIBUTING.md").splitlines()) <= 60


def test_hooks_run_in_the_projects_own_environment():
    text = read(".pre-commit-config.yaml")
    assert re.findall(r"- repo: (.*)", text) == ["local"]
    entries = re.findall(r"entry: (.*)", text)
    assert [entry.split()[:3] for entry in entries] == [["python", "-m", tool] for tool in ("ruff", "ruff", "pyright")]
    assert re.findall(r"language: (.*)", text) == ["system"] * 3
