"""Features of a finished run's models on one sample of test examples, taken once and kept in the run folder.

runs/<id>/features/key.json              what they were taken with; files of another key are taken again
                  /features.safetensors  by task, for all models: features, answers, distances (see TaskFeatures)

The models of a run of T tasks are numbered: 0 is θ⁰, t the merged model after step t, T + t the expert of task t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core import layout
from otmf_core.analysis.finished_run import finished_run
from otmf_core.errors import InputError
from otmf_core.files import brief, inside, read_object, write_json, write_tensors
from otmf_core.library.library import Library
from otmf_core.methods.base import State

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from otmf_core.models.base import Tower
    from otmf_core.models.inputs import Inputs

FORMAT = 1
SEED = 0
BLUR = 0.05  # of the Sinkhorn divergence between normalised features, p = 2: the same for all runs
ALLOWED_DEVIATION = 0.01  # of the replayed Δ_m from the stored one; float16 masks leave about 0.0005


@dataclass(frozen=True)
class TaskFeatures:
    """One task's sample of n test examples under all 2T + 1 models of a run."""

    features: np.ndarray  # (2T + 1, n, d) float32, rows of unit norm (kept in float16)
    answers: np.ndarray  # (2T + 1, n) the class answered by the task's zero-shot head, or as texts are scored; −1: none
    distances: np.ndarray  # (2T + 1,) Sinkhorn divergence to the features of the task's own expert
    rows: np.ndarray  # (n,) the examples' rows in the test split, ascending
    labels: np.ndarray  # (n,) of numbers on a scale that of the nearest answer


def images_per_task(tasks: int) -> int:
    """The number of test examples taken of each of so many tasks: 100, fewer from the seventh on, never below 40."""
    return max(40, min(100, 640 // tasks))


def models_at(step: int, tasks: int) -> dict[str, int]:
    """The numbers of the three models of step t: before it, the incoming expert, after it."""
    return {"pre": step - 1, "post": tasks + step, "merged": step}


def key(tasks: int) -> dict[str, Any]:
    """The parameters that features of a run of so many tasks are taken with."""
    return {"format": FORMAT, "seed": SEED, "images_per_task": images_per_task(tasks), "blur": BLUR, "p": 2}


def stored(path: Path, tasks: int) -> dict[str, Any] | None:
    """The key.json of the run in folder `path`, None where its features are still to be taken.

    It is `key(tasks)` with `deviation`, how far the replayed Δ_m is from the stored one relative to its norm.
    """
    where = inside(path, layout.FEATURES_KEY)
    if not where.is_file() or not inside(path, layout.FEATURES).is_file():
        return None
    stored_key = read_object(where)
    taken_so = all(stored_key.get(name) == value for name, value in key(tasks).items())
    return stored_key if taken_so and isinstance(stored_key.get("deviation"), float) else None


def read_features(path: Path, task: str) -> TaskFeatures:
    """One task's features from the run in folder `path`; raises InputError when they are missing or damaged."""
    import numpy as np
    from safetensors import SafetensorError, safe_open

    where = inside(path, layout.FEATURES)
    if not where.is_file():
        raise InputError(f"a file is missing: {where}")
    try:
        with safe_open(where, framework="numpy") as file:
            arrays = {name: file.get_tensor(f"{task}/{name}") for name in TaskFeatures.__dataclass_fields__}
    except (SafetensorError, OSError, ValueError, TypeError, OverflowError, AttributeError) as error:
        raise InputError(f"features are those of the run's tasks: {task} in {where} ({brief(error)})") from None
    shape = arrays["features"].shape
    expected = {"features": shape, "answers": shape[:2], "distances": shape[:1], "rows": shape[1:2]}
    expected["labels"] = expected["rows"]
    if len(shape) != 3 or not all(shape) or any(arrays[name].shape != expected[name] for name in arrays):
        raise InputError(f"features are (models, examples, d), answers and labels follow: {task} in {where} does not")
    if not all(np.isfinite(arrays[name]).all() for name in ("features", "distances")):
        raise InputError(f"features must be finite: those of {task} in {where} are not")
    return TaskFeatures(**{**arrays, "features": arrays["features"].astype(np.float32)})


def take_features(path: Path, report: Callable[[float], None] = lambda done: None) -> None:
    """Replay the finished run in folder `path` and write the features of all its models; `report` hears the share done.

    Raises InputError when the run is not done, its folder cannot be written, its library has changed, or its masks do
    not lead to its merged weights.
    """
    import torch
    from torch.nn import functional as F

    from otmf_core.analysis.replay import replay, state_deviation
    from otmf_core.models.device import resolve
    from otmf_core.runs.weights import read_state

    run, library = finished_run(path, "a run's features are taken")
    tasks = run.config.tasks
    # written before the work, so that a folder that cannot be written says so at once
    write_json(inside(path, layout.FEATURES_KEY), key(len(tasks)))
    tower = library.tower(resolve("auto"), run.config.text_features, run.config.text_precision)
    sample = {task: _sample(library, task, index, images_per_task(len(tasks))) for index, task in enumerate(tasks)}
    count = 2 * len(tasks) + 1
    features: dict[str, list[Tensor]] = {task: [torch.empty(0)] * count for task in tasks}
    answers: dict[str, list[Tensor]] = {task: [torch.empty(0)] * count for task in tasks}
    heads = {task: library.head(task, run.config.scoring) for task in tasks}
    done = 0

    def take(model: int, present: Tower) -> None:
        nonlocal done
        for task in tasks:
            inputs, head = sample[task][0], heads[task]
            features[task][model] = taken = F.normalize(present.features(inputs, task), dim=-1).cpu()
            answers[task][model] = (
                head.logits(taken).argmax(dim=-1)
                if head.verbalizers is None
                else head.classes(present.answers(inputs, head, task).cpu())
            )
        done += 1
        report(done / (count + len(tasks)))

    take(0, tower)
    state = State({})
    for t, (delta, state) in enumerate(replay(run, library), start=1):
        tower.load({name: tensor.to(tower.device) for name, tensor in delta.items()})
        take(len(tasks) + t, tower)
        take(t, run.config.method.deployed(state.to(tower.device), tower))
    off = state_deviation(state, read_state(run.path))
    if off > ALLOWED_DEVIATION:
        raise InputError(f"a run's masks lead to its merged weights: in {run.id} they end {off:.1%} away from them")
    sample = {task: (inputs, rows, heads[task].classes(labels)) for task, (inputs, rows, labels) in sample.items()}
    _write(path, tasks, sample, _stacked(features), _stacked(answers), report)
    write_json(inside(path, layout.FEATURES_KEY), {**key(len(tasks)), "deviation": off})


def _sample(library: Library, task: str, index: int, count: int) -> tuple[Inputs, Tensor, Tensor]:
    """At most `count` test examples of the task of that index, drawn from (seed, index): inputs, rows and labels."""
    import numpy as np
    import torch

    examples = library.examples(task, "test")
    rows = torch.from_numpy(np.sort(np.random.default_rng([SEED, index]).permutation(len(examples))[:count]))
    return examples.inputs[rows], rows, examples.labels[rows]


def _stacked(by_model: dict[str, list[Tensor]]) -> dict[str, Tensor]:
    import torch

    return {task: torch.stack(of_task) for task, of_task in by_model.items()}


def _write(
    path: Path,
    tasks: tuple[str, ...],
    sample: dict[str, tuple[Inputs, Tensor, Tensor]],
    features_of: dict[str, Tensor],
    answers_of: dict[str, Tensor],
    report: Callable[[float], None],
) -> None:
    """Distances of the features taken, and all of it to features.safetensors."""
    import torch

    from otmf_core.transport.clouds import sinkhorn

    divergence = sinkhorn(2, BLUR)
    count = 2 * len(tasks) + 1
    tensors: dict[str, Tensor] = {}
    for index, task in enumerate(tasks):
        report((count + index) / (count + len(tasks)))
        features, (_, rows, labels) = features_of[task], sample[task]
        expert = features[len(tasks) + 1 + index]
        distances = [divergence(each[None], expert[None]).item() for each in features]
        tensors |= {
            f"{task}/features": features.half(),
            f"{task}/answers": answers_of[task].short(),
            f"{task}/distances": torch.tensor(distances),
            f"{task}/rows": rows.int(),
            f"{task}/labels": labels.int(),
        }
    write_tensors(inside(path, layout.FEATURES), tensors)
