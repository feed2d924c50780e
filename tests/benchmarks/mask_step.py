"""What an iteration costs against its floor, one forward and backward of the network on the same examples.

    python -m tests.benchmarks.mask_step [--model ViT-B-32|flan-t5-base] [--batch 16] [--iterations 12]

Random weights, images of 224 px or texts of 128 tokens, float32 on CPU. As in a merge θ⁰ lies in a file, and freed
memory is returned. The time ratio and the peak memory come from two processes of one run each, so that the floor's
gradients do not count as the engine's memory.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from otmf_core.methods.base import State
from otmf_core.methods.context import Calibration, Context, Learning
from otmf_core.methods.otmf import Otmf
from otmf_core.models.base import Tower
from otmf_core.models.checkpoints import parameters, read_header
from otmf_core.models.clip import build_encoder, clip_tower
from otmf_core.models.device import peak_memory, return_freed_memory
from otmf_core.models.heads import Head
from otmf_core.models.stored import read_tower
from otmf_core.models.t5 import build_t5, output_rows, t5_tower
from otmf_core.models.t5_config import T5Fields
from otmf_core.models.tokens import Tokens
from otmf_core.models.verbalizers import Verbalizers
from otmf_core.transport.spaces import ClassVectors

FLOOR_PASSES = 4
EXAMPLES = 32  # of a task
FLAN = "flan-t5-base"


def fusion(model: str, update: str, preset: str, batch: int, iterations: int, with_floor: bool) -> None:
    """Run one fusion of two random task vectors and print its median iteration; with the floor before and after it."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        _fusion(Path(folder), model, update, preset, batch, iterations, with_floor)


def _fusion(folder: Path, model: str, update: str, preset: str, batch: int, iterations: int, with_floor: bool) -> None:
    tower, examples, heads = (texts if model == FLAN else images)(model, folder / "model.safetensors")
    pre, post = ({n: t.mul(0.01 * torch.randn(())).half() for n, t in tower.base.items()} for _ in range(2))
    pre = {name: tensor.float() for name, tensor in pre.items()}  # as a merged vector is; the incoming one as stored
    teachers = [torch.randn(EXAMPLES, heads[0].weight.shape[1]) for _ in range(2)]
    settings: dict[str, Any] = {**Otmf.presets.get(preset, {}), "update": update, "iterations": iterations}
    method = Otmf(**{**settings, "batch": batch // 2 if update == "joint" else batch})
    seconds: list[float] = []
    learning = Learning(
        tower=tower,
        calibration=[Calibration(inputs, teacher) for inputs, teacher in zip(examples, teachers, strict=True)],
        class_vectors=ClassVectors(heads),
        results=folder,
        unfinished=folder / "within.safetensors",
        save_seconds=1e9,
        report=lambda iteration, row, duration: seconds.append(duration),
        should_stop=lambda: False,
    )
    floor = [floor_pass(learning, batch) for _ in range(FLOOR_PASSES)] if with_floor else []
    method.fuse(State(pre), post, Context(2, learning=learning))
    floor += [floor_pass(learning, batch) for _ in range(FLOOR_PASSES)] if with_floor else []
    if with_floor:
        iteration, least = statistics.median(seconds[2:]), statistics.median(floor)
        result = f"iteration {iteration:.2f} s, floor {least:.2f} s, ratio {iteration / least:.2f}"
    else:
        result = f"peak memory {peak_memory(learning.tower.device) / 2**30:.2f} GiB"
    print(f"{update:12} {batch} examples: {result}", flush=True)


def images(model: str, file: Path) -> tuple[Tower, list[Any], list[Head]]:
    """An open_clip model's encoder, its weights written to `file`; two tasks' images and heads of a hundred classes."""
    config: dict[str, Any] = {
        "model_cfg": open_clip.get_model_config(model),
        "preprocess_cfg": {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]},
    }
    save_file(build_encoder(config).state_dict(), file)
    inputs = [torch.randint(0, 256, (EXAMPLES, 224, 224, 3), dtype=torch.uint8) for _ in range(2)]
    heads = [Head(F.normalize(torch.randn(100, config["model_cfg"]["embed_dim"]), dim=-1), 100.0) for _ in range(2)]
    return clip_tower(config, opened(file), torch.device("cpu"), model), inputs, heads


def texts(model: str, file: Path) -> tuple[Tower, list[Any], list[Head]]:
    """A T5 of Flan-T5-base's sizes, its weights written to `file`; two tasks' texts and heads of three answers."""
    fields = T5Fields(
        model_type="t5",
        d_model=768,
        num_layers=12,
        num_heads=12,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )
    drawn = {
        name: torch.ones(like.shape) if "layer_norm" in name else 0.05 * torch.randn(like.shape)
        for name, like in build_t5(fields, True, torch.device("meta")).named_parameters()
    }
    save_file(drawn, file)
    del drawn
    base = opened(file)
    tower = t5_tower(fields, base, torch.device("cpu"), model)
    mask = torch.ones(EXAMPLES, 128, dtype=torch.bool)
    inputs = [Tokens(torch.randint(2, fields.vocab_size, mask.shape, dtype=torch.int32), mask) for _ in range(2)]
    answers = Verbalizers(model, ("yes", "no", "maybe"), ((3, 1), (4, 1), (5, 1)), str)
    return tower, inputs, [Head(output_rows(base, answers.first), 1.0, answers) for _ in range(2)]


def opened(file: Path) -> Mapping[str, Tensor]:
    """θ⁰ from a file, and freed memory returned, as a merge has both."""
    return_freed_memory(parameters(read_header(file)))
    return read_tower(file, prefix="")


def floor_pass(learning: Learning, batch: int) -> float:
    """Seconds of one forward and backward of the network."""
    inputs = learning.calibration[0].inputs
    assert inputs is not None
    began = time.monotonic()
    learning.tower.encode(inputs[:batch]).square().sum().backward()
    seconds = time.monotonic() - began
    learning.tower.module.zero_grad(set_to_none=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ViT-B-32", help=f"an open_clip model, or {FLAN} (default ViT-B-32)")
    parser.add_argument(
        "--batch", type=int, default=16, help="examples of an iteration, both sides together (default 16)"
    )
    parser.add_argument("--iterations", type=int, default=12, help="iterations of the fusion (default 12)")
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)  # update scheme, time|memory: one measuring process
    options = parser.parse_args()
    if options.part:
        update, what = options.part
        preset = "default" if update == "joint" else "paper"
        fusion(options.model, update, preset, options.batch, options.iterations, with_floor=what == "time")
        return
    for update in ("joint", "alternating"):
        for what in ("time", "memory"):
            subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.mask_step", *sys.argv[1:], "--part", update, what], check=True
            )


if __name__ == "__main__":
    main()
