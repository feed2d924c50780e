"""The model card of an exported model: what it is, how it was made and measured, and the licences behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otmf_core.config import MergeConfig
from otmf_core.library.library import Library
from otmf_core.runs.record import RunRecord

FRONT_MATTER = """---
library_name: open_clip
pipeline_tag: zero-shot-image-classification
tags:
- clip
- model-merging
---"""


def model_card(config: MergeConfig, record: RunRecord, library: Library) -> str:
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
    headings = ["#", "Task", "Classes", "Pre-trained", "Individual", "Merged", "Licence of its images"]
    matrix = [[step, *map(_number, row)] for step, row in enumerate(record.matrix)]
    parts = [
        FRONT_MATTER,
        f"# {_cell(library.name)}, {len(tasks)} tasks merged",
        f"The pre-trained CLIP of {_cell(library.name)} with the image towers of {len(tasks)} fine-tuned models merged "
        "into its own, one after another. The text tower is the pre-trained one.",
        "```python\nimport open_clip\nimport otmf_core.models.clip  # where the image tower is this project's\n\n"
        'model, _, preprocess = open_clip.create_model_and_transforms("local-dir:path/of/this/folder")\n```',
        "## Figures",
        f"- ACC {_number(record.acc)}%: mean test accuracy over all tasks after the last step\n"
        f"- BWT {_number(record.bwt, '+')} points: mean change of a task's accuracy from its merge to the end, "
        "over all tasks but the last",
        "Tasks in the order of their merge; test accuracy in %, of the pre-trained model, of each task's own "
        "fine-tuned model and of this one:",
        _table(headings, about),
        "Test accuracy in % on every task after every step (0: the pre-trained model); empty where not evaluated:",
        _table(["Step", *(_cell(task.name) for task in tasks)], matrix),
        "## How it was made and measured",
        _list(_facts(config, record)),
        "## Licences",
        f"The licences of the images on which the models of {_cell(library.name)} were fine-tuned stand in the table "
        "of tasks; sources and makers of all images come with the library. Who passes this model on keeps to them.",
    ]
    return "\n\n".join(parts) + "\n"


def _facts(config: MergeConfig, record: RunRecord) -> Iterable[tuple[str, object]]:
    method = config.method
    yield "Run", record.run
    yield "Method", f"{method.title}: {method.about}" + (f" ({method.paper})" if method.paper else "")
    yield "Preset", record.preset
    for name, setting in method.described().items():
        initial = setting.description[:1]
        text = (initial.upper() if initial.isascii() else initial) + setting.description[1:]  # λ is not Λ
        yield f"{text} ({name})", setting.text(getattr(method, name))
    yield "Labels read", record.labels
    yield "Calibration split", record.calibration_split
    yield "Images kept of every earlier task", record.memory_per_task
    tuned = record.heads == "tuned"
    heads = "heads tuned on labelled images, which are not part of this model" if tuned else "zero-shot heads"
    yield "Evaluation", f"test split, {sum(record.test_images):,} images in all, with {heads}"
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
