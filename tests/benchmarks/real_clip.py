"""A ViT-B/32 with experts of random weights and photographs of noise: what opening, merging and decoding take.

    python -m tests.benchmarks.real_clip [--tasks 20] [--merge 4,12] [--iterations 10] [--folder KEPT]

Opening: all experts by their headers, in a process of its own, warm. Merging: peak memory of the default preset at a
batch of 8 a side (16 images an iteration), on so many tasks. Decoding: images a second from JPEGs of 500 × 375, in
worker processes, beside those that the encoder takes. About 350 MB of disk for each task.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WIDTH, LAYERS, PATCH, SIDE = 768, 12, 32, 224
CALIBRATION, TEST, PHOTOGRAPHS = 24, 8, 256

OPEN = """
import sys, time, psutil
from otmf_core.library.library import open_library
process = psutil.Process()
before, began = process.memory_info().rss, time.perf_counter()
library = open_library(sys.argv[1])
for task in library.tasks:
    library.expert(task.id, verified=False).check(library.tower_header)
print(time.perf_counter() - began, process.memory_info().rss - before)
"""


def make(root: Path, tasks: int) -> None:
    """Write the library: a pre-trained model of random weights, and so many experts near it, each with its pictures."""
    import torch
    from safetensors.torch import save_file

    from otmf_core.library.making.add import NewTask, add_task
    from otmf_core.library.making.new import new_library
    from otmf_core.library.making.splits import Sizes
    from otmf_core.models.clip import build_clip

    torch.manual_seed(0)
    vision = {"image_size": SIDE, "patch_size": PATCH, "width": WIDTH, "layers": LAYERS}
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1}
    model = {"embed_dim": 512, "quick_gelu": True, "vision_cfg": vision, "text_cfg": text}
    prepared = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28], "size": SIDE}
    base = root / "base"
    base.mkdir(parents=True)
    (base / "open_clip_config.json").write_text(json.dumps({"model_cfg": model, "preprocess_cfg": prepared}))
    weights = build_clip({"model_cfg": model, "preprocess_cfg": prepared}).state_dict()
    save_file(weights, base / "open_clip_model.safetensors")
    tower = {name: tensor for name, tensor in weights.items() if name.startswith("visual.")}
    new_library(root / "library", base)
    for number in range(tasks):
        expert, data = root / f"experts/{number}.safetensors", root / f"data/{number}"
        expert.parent.mkdir(exist_ok=True)
        save_file({n: t + 0.05 * t.std().nan_to_num() * torch.randn_like(t) for n, t in tower.items()}, expert)
        for split, count in (("train", 2 * CALIBRATION), ("test", TEST)):
            for row in range(count):
                folder = data / split / f"class {row % 4}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{row}.jpg").write_bytes(photograph(1000 * number + row + 500 * (split == "test")))
        add_task(root / "library", NewTask(f"task {number}", expert, data, sizes=Sizes(CALIBRATION, 8, TEST)))
        print(f"made task {number + 1} of {tasks}", file=sys.stderr)


def photograph(seed: int) -> bytes:
    """A JPEG of 500 × 375 pixels, smooth as photographs are."""
    import numpy as np
    from PIL import Image

    small = np.random.default_rng(seed).integers(0, 256, (25, 33, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def opened(root: Path) -> None:
    """Print the time and memory of opening the library by its headers, warm."""
    for warm in (False, True):
        run = subprocess.run(
            [sys.executable, "-c", OPEN, str(root / "library")], capture_output=True, text=True, check=True
        )
        if warm:
            seconds, size = map(float, run.stdout.split())
            print(f"opening by headers: {seconds:.2f} s, {size / 2**20:.0f} MiB added")


def merged(root: Path, tasks: int, iterations: int) -> float:
    """Print the peak memory and the time of a merge, and return the peak in GiB."""
    command = [
        sys.executable,
        "-m",
        "otmf_core",
        "merge",
        "--batch",
        "8",
        "--json",
        "--library",
        str(root / "library"),
        "--out",
        str(root / "runs"),
    ]
    command += ["--tasks", ",".join(f"task-{number}" for number in range(tasks)), "--iterations", str(iterations)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    record = json.loads(run.stdout)
    peak = record["peak_memory_bytes"] / 2**30
    print(f"{tasks} tasks × {iterations} iterations: peak {peak:.2f} GiB, {record['seconds']:.0f} s")
    return peak


def decoding(root: Path) -> None:
    """Print how many images a second are decoded and prepared, and encoded."""
    import torch

    from otmf_core.library.decoding import decoded, workers
    from otmf_core.library.library import open_library
    from otmf_core.library.preparation import preparation

    library = open_library(str(root / "library"))
    how = preparation(library.backbone_config)
    pictures = [(photograph(seed), f"{seed}") for seed in range(PHOTOGRAPHS)]
    list(decoded(pictures[:32], how))  # the workers start
    began = time.perf_counter()
    pieces = list(decoded(pictures, how))
    decode = PHOTOGRAPHS / (time.perf_counter() - began)
    tower = library.tower(torch.device("cpu"))
    inputs = torch.from_numpy(pieces[0])
    tower.features(inputs, "noise")
    began = time.perf_counter()
    for _ in range(4):
        tower.features(inputs, "noise")
    encode = 4 * len(inputs) / (time.perf_counter() - began)
    rates = f"decoded {decode:.0f} images/s in {workers()} processes, encoded {encode:.1f} images/s"
    print(f"{rates}: {decode / encode:.1f} ×")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--merge", default="4,12")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = options.folder or Path(temporary)
        if not (root / "library").is_dir():
            make(root, options.tasks)
        opened(root)
        decoding(root)
        peaks = [merged(root, int(tasks), options.iterations) for tasks in options.merge.split(",")]
        if len(peaks) > 1:
            print(f"peak of the last against the first: {peaks[-1] / peaks[0]:.3f} ×")


if __name__ == "__main__":
    main()
