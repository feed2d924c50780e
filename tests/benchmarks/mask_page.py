"""What every interaction of the Masks page costs on masks of a ViT-B/32: two of 88 million entries each, per step.

    python -m tests.benchmarks.mask_page [--folder DIR] [--steps 2] [--repeats 9]

Builds a run folder of random masks (about 350 MB a step) under DIR, by default a temporary folder that is deleted
again, and prints the first, median and worst times in milliseconds: of the readers alone, of building and serialising
charts, and of whole page runs on the server (Streamlit's AppTest, which runs the whole page for every interaction; in
a browser the threshold, the measure and the zoom run their own fragment alone).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.masks.charts.tensor import mask_matrix
from dashboard.app_pages.masks.tensor_section import MOST_CELLS
from dashboard.charts.mask_map import MEASURES, mask_map
from dashboard.charts.mask_measures import measure_tensors
from otmf_core.config import MergeConfig
from otmf_core.files import write_table
from otmf_core.masks.measures import BINS, COMMON_RANGE, RANGE
from otmf_core.masks.reading import block_means, block_size, read_block, read_statistics
from otmf_core.models.tensor_names import locate
from otmf_core.runs.folder import create_run, set_status

APP = Path(__file__).resolve().parents[2] / "dashboard/app.py"
TASKS = ("mnist", "animals", "thai", "hebrew", "textures", "food", "travel", "greek")
WIDTH, LAYERS, OUT = 768, 12, 512
LARGEST = "transformer.resblocks.6.mlp.c_fc.weight"
QKV = "transformer.resblocks.6.attn.in_proj_weight"


def shapes() -> dict[str, tuple[int, ...]]:
    """The image tower of open_clip's ViT-B-32."""
    found: dict[str, tuple[int, ...]] = {
        "class_embedding": (WIDTH,),
        "positional_embedding": (50, WIDTH),
        "proj": (WIDTH, OUT),
        "conv1.weight": (WIDTH, 3, 32, 32),
    }
    for norm in ("ln_pre", "ln_post"):
        found |= {f"{norm}.weight": (WIDTH,), f"{norm}.bias": (WIDTH,)}
    for layer in range(LAYERS):
        block = f"transformer.resblocks.{layer}"
        for norm in ("ln_1", "ln_2"):
            found |= {f"{block}.{norm}.weight": (WIDTH,), f"{block}.{norm}.bias": (WIDTH,)}
        found |= {f"{block}.attn.in_proj_weight": (3 * WIDTH, WIDTH), f"{block}.attn.in_proj_bias": (3 * WIDTH,)}
        matrices = {
            "attn.out_proj": (WIDTH, WIDTH),
            "mlp.c_fc": (4 * WIDTH, WIDTH),
            "mlp.c_proj": (WIDTH, 4 * WIDTH),
        }
        for name, shape in matrices.items():
            found |= {f"{block}.{name}.weight": shape, f"{block}.{name}.bias": shape[:1]}
    return found


def build(run: Path, steps: int) -> int:
    """Write the run; returns the number of entries of one mask."""
    config = MergeConfig.build(tasks=TASKS[: steps + 1], library="minizoo")
    create_run(run, config)
    set_status(run, "stopped")
    random = np.random.default_rng(0)
    entries = 0
    for step in range(2, steps + 2):
        rows, masks = [], {}
        for name, shape in shapes().items():
            pair = [random.normal(1, 0.5, shape).astype(np.float16) for _ in range(2)]
            smaller = np.minimum(np.abs(pair[0]), np.abs(pair[1]))
            common = np.histogram(smaller.clip(*COMMON_RANGE), BINS, COMMON_RANGE)[0].tolist()
            for side, mask in zip(("pre", "post"), pair, strict=True):
                masks[f"{side}.{name}"] = mask
                plain = mask.astype(np.float32)
                rows.append(
                    {
                        "tensor": name,
                        "side": side,
                        "entries": mask.size,
                        "mean": float(plain.mean()),
                        "std": float(plain.std()),
                        "min": float(plain.min()),
                        "max": float(plain.max()),
                        "histogram": np.histogram(plain.clip(*RANGE), BINS, RANGE)[0].tolist(),
                        "common": common,
                        "drift": float(np.abs(plain - 1).mean()),
                    }
                )
        folder = run / f"steps/{step:02d}"
        write_table(folder / "mask_statistics.parquet", {key: [row[key] for row in rows] for key in rows[0]})
        save_file(masks, folder / "masks.safetensors")
        entries = sum(mask.size for name, mask in masks.items() if name.startswith("pre."))
    return entries


def timed(label: str, action: Callable[[], object], repeats: int) -> None:
    """Print how long an action takes: the first time, and the median and worst of the others."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - began))
    first, *rest = times
    print(f"{label:58} first {first:7.1f}   median {statistics.median(rest):7.1f}   worst {max(rest):7.1f} ms")


def readers(run: Path, repeats: int) -> None:
    """The readers and the charts, without a page."""
    timed("read the statistics of a step", lambda: read_statistics(run, 2), repeats)
    stats = read_statistics(run, 2)
    where = locate(stats.tensors)
    for measure in MEASURES:
        timed(
            f"{measure} of every tensor, from histograms",
            lambda m=measure: measure_tensors(stats, "pre", m, 0.1),
            repeats,
        )
    sparsity = measure_tensors(stats, "pre", "sparsity", 0.1)
    assert sparsity is not None
    values = sparsity.tolist()
    timed("build and serialise the map", lambda: mask_map(where, values, MEASURES["sparsity"], QKV).to_json(), repeats)
    cases = {
        "3072 × 768, whole": (LARGEST, (0, 3072), (0, 768)),
        "2304 × 768, one head's query": (QKV, (64, 128), (0, 768)),
        "768 × 3 × 32 × 32, 100 rows": ("conv1.weight", (300, 400), (0, 3072)),
        "3072 × 768, 200 × 200 slice": (LARGEST, (1000, 1200), (300, 500)),
    }
    for label, (tensor, rows, columns) in cases.items():
        size = block_size(rows[1] - rows[0], columns[1] - columns[0], MOST_CELLS)
        read = lambda t=tensor, r=rows, c=columns, s=size: block_means(read_block(run, 2, "pre", t, r, c), s)  # noqa: E731
        means = read()
        timed(f"read {label} -> {means.shape[0]} × {means.shape[1]}", read, repeats)
        draw = lambda m=means, c=(rows[0], columns[0]), s=size: len(mask_matrix(m, c, s).to_json() or "")  # noqa: E731
        timed(f"   build and serialise it, {draw() / 1e6:.2f} MB", draw, repeats)


def page(runs: Path, run: Path, repeats: int) -> None:
    """Whole runs of the page's script on the server; a browser's drawing comes on top."""
    with mock.patch.dict(os.environ, OTMF_RUNS=str(runs)):
        app = AppTest.from_file(str(APP), default_timeout=120)
        app.run()
        app.switch_page("app_pages/masks/page.py")
        app.query_params["run"] = run.name
        timed("page: open, then open again", app.run, repeats)
        assert not app.exception
        thresholds = iter(np.linspace(0.2, 1.8, repeats + 1).round(2))
        timed(
            "page: move the threshold", lambda: app.slider(key="threshold").set_value(next(thresholds)).run(), repeats
        )
        tensors = [name for name in shapes() if name.endswith("c_fc.weight")]
        timed(
            "page: choose a 3072 × 768 tensor", lambda: app.selectbox(key="tensor").select(tensors.pop()).run(), repeats
        )
        measures = iter(list(MEASURES) * repeats)
        timed(
            "page: change the measure",
            lambda: app.segmented_control(key="measure").set_value(next(measures)).run(),
            repeats,
        )
        sides = iter(["post", "pre"] * repeats)
        timed("page: change the side", lambda: app.segmented_control(key="side").set_value(next(sides)).run(), repeats)
        assert not app.exception


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folder", type=Path, help="keep the run here, and use the one that is here")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        runs = options.folder or Path(scratch)
        run = runs / "20260101-000000-otmf-b032"
        if not run.exists():
            print(f"{build(run, options.steps):,} entries a mask")
        print(json.dumps({"masks.safetensors": (run / "steps/02/masks.safetensors").stat().st_size}))
        readers(run, options.repeats)
        page(runs, run, options.repeats)


if __name__ == "__main__":
    main()
