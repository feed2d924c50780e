"""A tiny library on disk, laid out exactly as the embedded one: three tasks, random weights, coloured squares."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

TASKS = ("red", "green", "blue")
CONFIG = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 32, "layers": 2, "head_width": 16},
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
    from torch.nn import functional as F

    from otmf_core.backbone import build_clip

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
        head = {"weight": F.normalize(torch.randn(3, 16), dim=-1), "logit_scale": torch.tensor(20.0)}
        save_file(head, folder / "head.safetensors")
        for number, split in enumerate(("calibration", "labelled", "test")):
            write_images(folder / f"{split}.parquet", [i % 3 for i in range(images)], channel, 10 * channel + number)
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
    return root


def vouch(root: Path) -> None:
    """Record the present hashes of all files in the manifest, as after a deliberate change."""
    from otmf_core.files import sha256

    manifest = json.loads((root / "manifest.json").read_text())
    files = [path for path in root.rglob("*") if path.is_file() and path.name != "manifest.json"]
    manifest["files"] = {
        path.relative_to(root).as_posix(): {"sha256": sha256(path), "bytes": path.stat().st_size} for path in sorted(files)
    }
    (root / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny library that no test changes."""
    return write_library(tmp_path_factory.mktemp("libraries") / "tiny")


@pytest.fixture
def own_tiny(tmp_path: Path) -> Path:
    """A tiny library that the test may damage."""
    return write_library(tmp_path / "own-tiny")
