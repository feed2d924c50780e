"""The model card of an exported model: what it is, how it was made and measured, and the licences behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from otmf_core.config import MergeConfig
from otmf_core.export.front_matter import front_matter, is_hub_name
from otmf_core.library.library import Library
from otmf_core.library.manifest import TaskInfo
from otmf_core.runs.record import RunRecord

SCORINGS = {
    "likelihood": "answers scored by their likelihood",
    "generation": "answers generated and compared word by word",
}
FOLDER = "path/of/this/folder"  # in the code of a card
TAGS = ("otmf", "merge", "continual-merging")


@dataclass(frozen=True)
class Kind:
    """What a card says of the layout of its model.

    In `title` and `what`, {library}, {tasks} and {models} stand for the library's name and for how many were merged.
    """

    title: str
    what: str
    code: str  # how it is loaded, in Python
    library: str = ""  # by the hub's name; none where no library loads it as it is
    pipeline: str = ""  # what the hub calls its use
    adapter: bool = False  # whether it stands on the pre-trained model and only comes near the merged one


def model_card(config: MergeConfig, record: RunRecord, library: Library, kind: Kind) -> str:
    """The card of a finished run's merged model, from its configuration, its record and the library it was made with.

    Accuracies are in percent, BWT in percentage points, both with one decimal, as in the record. Raises InputError
    when the library does not have one of the tasks.
    """
    tasks = [library.task(task) for task in record.tasks]
    accuracies = zip(record.matrix[0], record.individual, record.matrix[-1], strict=True)
    about = [
        [number, _cell(task.name), len(task.classes), *map(_number, figures), _cell(task.licence) or "not stated"]
        for number, (task, figures) in enumerate(zip(tasks, accuracies, strict=True), 1)
    ]
    headings = ["#", "Task", "Classes", "Pre-trained", "Individual", "Merged", f"Licence of its {library.noun}"]
    matrix = [[step, *map(_number, row)] for step, row in enumerate(record.matrix)]
    counts = {
        "library": _cell(library.name),
        "tasks": f"{len(tasks)} tasks",
        "models": f"{len(tasks)} fine-tuned models",
    }
    measured = ["The figures are the merged model's; the adapter's own were not measured."] if kind.adapter else []
    parts = [
        front_matter(_fields(record, library, tasks, kind)),
        f"# {_cell(library.name)}, {kind.title.format(**counts)}",
        kind.what.format(**counts),
        f"```python\n{kind.code}\n```",
        "## Figures",
        *measured,
        f"- ACC {_number(record.acc)}%: mean test accuracy over all tasks after the last step\n"
        f"- BWT {_number(record.bwt, '+')} points: mean change of a task's accuracy from its merge to the end, "
        "over all tasks but the last",
        "Tasks in the order of their merge; test accuracy in %, of the pre-trained model, of each task's own "
        f"fine-tuned model and of {'the merged' if kind.adapter else 'this'} one:",
        _table(headings, about),
        "Test accuracy in % on every task after every step (0: the pre-trained model); empty where not evaluated:",
        _table(["Step", *(_cell(task.name) for task in tasks)], matrix),
        "## How it was made and measured",
        _list(_facts(config, record, library, tasks)),
        "## Licences",
        f"The licences of the {library.noun} on which the models of {_cell(library.name)} were fine-tuned stand "
        f"in the table of tasks; sources and makers of all {library.noun} come with the library. Who passes this "
        "model on keeps to them.",
    ]
    return "\n\n".join(parts) + "\n"


def _fields(record: RunRecord, library: Library, tasks: Sequence[TaskInfo], kind: Kind) -> dict[str, Any]:
    """The front matter: what hubs read. An adapter stands on the pre-trained model alone, and has no figures."""
    models = [library.manifest.backbone.base_model, *(task.source for task in tasks if not kind.adapter)]
    known = list(dict.fromkeys(name for name in models if is_hub_name(name)))
    fields: dict[str, Any] = {}
    if known:
        fields |= {"base_model": known, "base_model_relation": "adapter" if kind.adapter else "merge"}
    if kind.library:
        fields["library_name"] = kind.library
    if kind.pipeline:
        fields["pipeline_tag"] = kind.pipeline
    fields["tags"] = (*TAGS, library.manifest.backbone.kind)
    if not kind.adapter:
        results = [
            _result(record, task, value)
            for task, value in zip(tasks, record.matrix[-1], strict=True)
            if value is not None
        ]
        fields["model-index"] = [{"name": record.run, "results": results}]
    return fields


def _result(record: RunRecord, task: TaskInfo, accuracy: float) -> dict[str, Any]:
    if record.scoring:
        rank = task.metric == "spearman"
        name = f"{'Spearman in %' if rank else 'Accuracy in %'}, {SCORINGS[record.scoring]}"
        return {
            "task": {"type": "text2text-generation", "name": "Text to text"},
            "dataset": {"type": task.id, "name": task.name, "split": "test"},
            "metrics": [{"type": "spearmanr" if rank else "accuracy", "name": name, "value": round(accuracy, 1)}],
        }
    heads = "tuned heads, which are not part of this model" if record.heads != "none" else "zero-shot heads"
    return {
        "task": {"type": "image-classification", "name": "Image classification"},
        "dataset": {"type": task.id, "name": task.name, "split": "test"},
        "metrics": [{"type": "accuracy", "name": f"Accuracy in %, {heads}", "value": round(accuracy, 1)}],
    }


def _facts(
    config: MergeConfig, record: RunRecord, library: Library, tasks: Sequence[TaskInfo]
) -> Iterable[tuple[str, object]]:
    method = config.method
    yield "Run", record.run
    if library.manifest.backbone.base_model:
        yield "Pre-trained model", library.manifest.backbone.base_model
    if any(task.source for task in tasks):
        yield "Fine-tuned models", ", ".join(task.source or "not stated" for task in tasks)
    yield "Method", f"{method.title}: {method.about}" + (f" ({method.paper})" if method.paper else "")
    yield "Preset", record.preset
    for name, setting in method.described().items():
        initial = setting.description[:1]
        text = (initial.upper() if initial.isascii() else initial) + setting.description[1:]  # λ is not Λ
        yield f"{text} ({name})", setting.text(getattr(method, name))
    yield "Labels read", record.labels
    yield "Calibration split", record.calibration_split
    noun = library.noun
    yield f"{noun.title()} kept of every earlier task", record.memory_per_task
    tuned = record.heads != "none"
    heads = "heads tuned on labelled images, which are not part of this model" if tuned else "zero-shot heads"
    how = SCORINGS[record.scoring] if record.scoring else f"with {heads}"
    yield "Evaluation", f"test split, {sum(record.test_images):,} {noun} in all, {how}"
    yield "Seed", record.seed
    yield "Device", record.device
    yield "Versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())
    yield "Created", record.created


def _list(facts: Iterable[tuple[str, object]]) -> str:
    return "\n".join(f"- {name}: {_cell(value)}" for name, value in facts)


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.1f}".replace("-", "−")


def _cell(value: object) -> str:
    """Text on one line that ends no table cell."""
    return " ".join(str(value).split()).replace("|", "\\|")
