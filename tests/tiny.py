"""A tiny library on disk, laid out exactly as the embedded one, and short merges of it.

Three tasks of coloured squares that differ in brightness; random weights; heads that fit each task's expert.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.config import MergeConfig
from otmf_core.methods.table import METHODS

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.library.examples import Examples
    from otmf_core.runs.events import Emit

ROOT = Path(__file__).resolve().parent.parent  # of the repository
TASKS = ("red", "green", "blue")
CLASSES = 3
SHORT = {"iterations": 4, "batch": 6, "memory": 5}  # for the methods that have such settings
CONFIG = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 32, "width": 16, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "size": [16, 16]},
}


def write_images(path: Path, labels: list[int], channel: int, seed: int) -> None:
    """Noisy squares whose brightness in one colour channel tells the class."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    random = np.random.default_rng(seed)
    blobs = []
    for label in labels:
        pixels = random.integers(0, 60, (16, 16, 3), dtype=np.uint8)
        pixels[..., channel] += np.uint8(60 * label)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="PNG")
        blobs.append(buffer.getvalue())
    table = {"image": pa.array(blobs, pa.binary()), "label": pa.array(labels, pa.int32())}
    pq.write_table(pa.table({**table, "origin": ["squares"] * len(labels)}), path)


def write_library(root: Path, images: int = 24) -> Path:
    """The tiny library under `root`; the same bytes every time."""
    import torch
    from safetensors.torch import save_file

    from otmf_core.models.clip import build_clip

    torch.manual_seed(7)
    (root / "backbone").mkdir(parents=True)
    (root / "backbone/config.json").write_text(json.dumps(CONFIG))
    model = build_clip(CONFIG)
    save_file(model.state_dict(), root / "backbone/weights.safetensors")
    tasks = []
    for channel, task in enumerate(TASKS):
        folder = root / "tasks" / task
        folder.mkdir(parents=True)
        delta = {name: (0.02 * torch.randn_like(t)).half() for name, t in model.visual.state_dict().items()}
        save_file(delta, folder / "task_vector.safetensors")
        for number, split in enumerate(("calibration", "labelled", "test")):
            write_images(
                folder / f"{split}.parquet", [i % CLASSES for i in range(images)], channel, 10 * channel + number
            )
        parts = {"task_vector": "safetensors", "head": "safetensors"}
        files = {part: f"tasks/{task}/{part}.{ending}" for part, ending in parts.items()}
        files |= {split: f"tasks/{task}/{split}.parquet" for split in ("calibration", "labelled", "test")}
        tasks.append({"id": task, "name": task.title(), "classes": ["dark", "middle", "bright"], **files})
    manifest = {
        "format": 1,
        "id": root.name,
        "name": "Tiny",
        "backbone": {"config": "backbone/config.json", "weights": "backbone/weights.safetensors"},
        "suites": {"3": list(TASKS)},
        "tasks": tasks,
    }
    (root / "manifest.json").write_text(json.dumps(manifest))
    vouch(root)
    for task in TASKS:
        write_head(root, task)
    vouch(root)
    return root


def write_head(root: Path, task: str) -> None:
    """A head that fits the expert's features of the labelled images by least squares."""
    import torch
    from safetensors.torch import save_file
    from torch.nn import functional as F

    from otmf_core.library.library import open_library

    tower = open_library(str(root)).tower(torch.device("cpu"))
    tower.load(open_library(str(root)).task_vector(task))
    examples = open_library(str(root)).examples(task, "labelled")
    features = F.normalize(tower.features(examples.inputs, task), dim=-1)
    targets = F.one_hot(examples.labels, CLASSES).float() - 1 / CLASSES
    weight = F.normalize(targets.T @ features.pinverse(rcond=1e-3).T, dim=-1)
    head = {"weight": weight, "logit_scale": torch.tensor(20.0)}
    save_file(head, root / f"tasks/{task}/head.safetensors")


def pixels(examples: Examples) -> Tensor:
    """The images of a split as the image tower reads them: uint8 (n, H, W, 3)."""
    from torch import Tensor

    assert isinstance(examples.inputs, Tensor)
    return examples.inputs


def vouch(root: Path) -> None:
    """Record the present hashes of all files in the manifest, as after a deliberate change."""
    from otmf_core.files import sha256

    manifest = json.loads((root / "manifest.json").read_text())
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "manifest.json")
    manifest["files"] = {
        path.relative_to(root).as_posix(): {"sha256": sha256(path), "bytes": path.stat().st_size} for path in files
    }
    (root / "manifest.json").write_text(json.dumps(manifest))


def merge_config(library: Path, **overrides: Any) -> MergeConfig:
    """A short merge of all three tasks."""
    short = {"tasks": TASKS, "checkpoint_seconds": 1e6, "device": "cpu", "library": str(library)}
    method = METHODS[overrides.get("method", "otmf")].described()
    own = {name: value for name, value in {"iterations": 4, "batch": 6, "memory": 5}.items() if name in method}
    return MergeConfig.build(**{**short, **own, **overrides})


def never() -> bool:
    """A `should_stop` that lets a merge run to its end."""
    return False


def merged(config: MergeConfig, out: Path, run_id: str = "run", emit: Emit = lambda event: None) -> Path:
    """The folder of a finished run."""
    from otmf_core.merging.merge import run_merge

    run_merge(config, out, emit=emit, should_stop=never, run_id=run_id)
    return out / run_id


def stopped_within(config: MergeConfig, out: Path) -> None:
    """Merge into `run` until the second iteration of step 3 has been reported, where it is stopped."""
    import pytest

    from otmf_core.errors import Interrupted
    from otmf_core.merging.merge import run_merge
    from otmf_core.runs.events import Event, Iterated

    events: list[Event] = []

    def stop() -> bool:
        return isinstance(events[-1], Iterated) and (events[-1].step, events[-1].iteration) == (3, 1)

    with pytest.raises(Interrupted):
        run_merge(config, out, emit=events.append, should_stop=stop, run_id="run")


def results(run: Path) -> dict[str, bytes | list]:
    """Everything of a finished run that its configuration and seed determine: files by content, tables by value."""
    import pyarrow.parquet as pq

    record = json.loads((run / "record.json").read_text())
    found: dict[str, Any] = {key: record[key] for key in ("matrix", "individual", "acc", "bwt", "fwt")}
    found |= {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*.safetensors")}
    found |= {path.relative_to(run).as_posix(): pq.read_table(path).to_pylist() for path in run.rglob("*.parquet")}
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path inside it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_one_sentence(message: str) -> bool:
    return "\n" not in message and not message.endswith(".") and len(message) < 400


def change_tensors(path: str, change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    """A change of one safetensors file of a library, vouched for by the manifest."""

    def damage(library: Path) -> None:
        from safetensors.torch import load_file, save_file

        tensors = load_file(library / path)
        change(tensors)
        save_file(tensors, library / path)
        vouch(library)

    return damage


def refused(config: MergeConfig, out: Path) -> str:
    """The sentence with which a merge is refused, after checking that it left no trace."""
    import pytest

    from otmf_core.errors import InputError
    from otmf_core.merging.merge import run_merge

    before = contents(out)
    with pytest.raises(InputError) as caught:
        run_merge(config, out, emit=lambda event: None, should_stop=never, run_id="refused")
    assert contents(out) == before
    assert [path.name for path in out.iterdir()] == ["earlier"]
    assert is_one_sentence(str(caught.value))
    return str(caught.value)
