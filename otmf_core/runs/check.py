"""The check of a run folder from elsewhere before it is let in: every file that a page reads, of the right type.

Runs made here are right by construction; one that arrives as a zip may have been made by hand.
"""

from __future__ import annotations

from pathlib import Path

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.masks.reading import mask_steps, read_statistics
from otmf_core.models.checkpoints import check_floating, read_header
from otmf_core.runs.folder import Run, load_run
from otmf_core.runs.view import stored_view
from otmf_core.tables import table_rows


def check_run(folder: Path) -> Run:
    """Read a run folder from elsewhere, whole; raises InputError, naming the file, for whatever a page could not show.

    Checked, beside what `load_run` does: curves and mask statistics as pages read them, that every other table and file
    of weights opens, that weights and masks are of floating point, and that a finished run has its merged ones
    and what its model grew.
    """
    run = load_run(folder)
    stored_view(run)
    for step in mask_steps(folder):
        read_statistics(folder, step)
    for path in folder.rglob("*.parquet"):
        table_rows(path, "a table is a Parquet file")
    weights = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors"))
    for name in weights:
        _check_weights(folder / name, name)
    if run.status == "done" and layout.MERGED not in weights:
        raise InputError(f"a finished run has its merged weights: {layout.MERGED} is missing in {run.id}")
    if run.status == "done" and run.config.method.grows and layout.CARRIED not in weights:
        raise InputError(f"a finished run has what its model grew: {layout.CARRIED} is missing in {run.id}")
    return run


def _check_weights(path: Path, name: str) -> None:
    header = read_header(path)
    if name.startswith(f"{layout.RESUME}/"):  # which may be empty, and has whole numbers
        return
    if not header:
        raise InputError(f"a file of weights has tensors: {name} has none")
    if name != layout.FEATURES and name.split("/")[0] not in layout.EXPORTS.values():  # which have whole numbers, too
        check_floating(header, name)
