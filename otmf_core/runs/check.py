"""What a run folder from elsewhere must hold before it is let in: every file that a page reads, of the right type.

Runs made here are right by construction; one that arrives as a zip may have been made by hand.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import read_object
from otmf_core.runs.folder import Run, load_run
from otmf_core.runs.view import stored_view


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not 1980 <= moment.year < 2200:
        raise ValueError(f"a moment of this age with its time zone, received {text!r}")
    return text


class _Facts(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Status(_Facts):
    created: Annotated[str, AfterValidator(_moment)]
    message: str


class _Progress(_Facts):
    tasks: list[str] = []
    matrix: list[list[float | None]] = []
    individual: list[float] = []
    test_images: list[int] = []
    step_seconds: list[float] = []
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    device: str = ""


class _Record(_Facts):
    tasks: list[str]
    matrix: list[list[float | None]]
    individual: list[float]
    acc: float
    bwt: float
    fwt: float
    forgetting: list[float]
    stability: float | None
    plasticity: float | None
    normalised_acc: float | None
    zero_shot: list[float | None] = []
    labels: str
    calibration_split: str
    memory_per_task: int
    test_images: list[int] = []
    seconds: float
    step_seconds: list[float] = []
    peak_memory_bytes: int = 0
    device: str = ""
    versions: dict[str, str] = {}


def check_run(folder: Path) -> Run:
    """Read a run folder from elsewhere, whole; raises InputError, naming the file, for whatever a page could not show.

    Checked: the format and status, the configuration, the types of all figures, that they belong to the tasks of the
    configuration, and that every table and every file of weights opens.
    """
    run = load_run(folder)
    try:
        config = MergeConfig.parse(run.config)
    except (InputError, TypeError) as error:
        raise InputError(f"a run needs a configuration this version knows: config.json ({error})") from None
    _check(_Status, folder / layout.STATUS, {"message": "", **read_object(folder / layout.STATUS)})
    known = [_check(_Progress, folder / layout.STATE, run.progress)]
    if run.record is not None:
        known.append(_check(_Record, folder / layout.RECORD, run.record))
    if any(facts.tasks not in ([], list(config.tasks)) for facts in known):
        raise InputError(f"the files of a run must agree with each other: {run.id} has figures of other tasks")
    stored_view(run)
    for path in folder.rglob("*.parquet"):
        _open_table(path)
    for path in folder.rglob("*.safetensors"):
        _open_weights(path)
    return run


def _check(kind: type[_Facts], path: Path, values: dict[str, Any]) -> Any:
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"a run's {path.name} has the fields of this version: {field} ({first['msg']})") from None


def _open_table(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"a table is a Parquet file: {path.name} ({error})") from None


def _open_weights(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):  # reads the header, and that the file has the size it states
            pass
    except SafetensorError as error:
        raise InputError(f"a file must be valid safetensors: {path.name} ({error})") from None
