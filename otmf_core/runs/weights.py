"""The state of a merge in a folder: Δ_m, and what its method carries beside it."""

from __future__ import annotations

import json
from pathlib import Path

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import write_tensors
from otmf_core.methods.base import State
from otmf_core.models.checkpoints import read_metadata, read_tensors


def write_state(folder: Path, state: State, carried: bool) -> None:
    """Write Δ_m and, where there is any and it is asked for, what is `carried`."""
    write_tensors(folder / layout.MERGED, state.delta)
    if carried and (state.tensors or state.numbers):
        write_tensors(folder / layout.CARRIED, state.tensors, {"numbers": json.dumps(dict(state.numbers))})


def read_state(folder: Path) -> State:
    """What was written, on the CPU; raises InputError where Δ_m is missing or a file damaged."""
    # copied, since products of matrices have other bits where memory is aligned otherwise, as in a mapped file
    delta = {name: tensor.clone() for name, tensor in read_tensors(folder / layout.MERGED).items()}
    carried = folder / layout.CARRIED
    if not carried.is_file():
        return State(delta)
    try:
        numbers = json.loads(read_metadata(carried).get("numbers", ""))
    except json.JSONDecodeError:
        raise InputError(f"what a method carries has its numbers beside it: {carried} has none") from None
    return State(delta, {name: tensor.clone() for name, tensor in read_tensors(carried).items()}, numbers)
