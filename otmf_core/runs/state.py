"""The state of a run, kept in its folder: what is known after its last completed step; and how files are parsed."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from otmf_core.errors import InputError
from otmf_core.settings import first_mistake

MOST = 10**18  # of anything that is counted: bytes, seconds


def _on_one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a text has no control characters")
    return text


Real = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-MOST, le=MOST)]
Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=MOST)]
# From −100, since Spearman's ρ of a task whose answers are numbers may be negative.
Percent = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-100 - 1e-9, le=100 + 1e-9)]
Whole = Annotated[int, Field(strict=True, ge=0, le=MOST)]
Text = Annotated[str, Field(strict=True, max_length=300), AfterValidator(_on_one_line)]
AccuracyRow = tuple[Percent | None, ...]  # a[t], percent: a value per task, None where it was not evaluated

M = TypeVar("M", bound=BaseModel)


class Growth(BaseModel):
    """A merged model that has more than weights, beside the pre-trained one: pairs are of the latter and the former."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    parameters: tuple[Whole, Whole]
    encode_ms: tuple[Seconds, Seconds]  # milliseconds to encode an image
    variants: dict[Text, tuple[Percent, ...]] = {}  # a[T] by another way to deploy the same model

    def facts(self) -> tuple[str, ...]:
        """Parameters, time for an image, and the ACC of every variant, in words."""
        (plain, grown), (before, after) = self.parameters, self.encode_ms
        return (
            f"parameters: {grown:,}, pre-trained {plain:,}",
            f"an image: {after:.2f} ms, pre-trained {before:.2f} ms",
            *(f"ACC with {name}: {fmean(row):.1f} %" for name, row in self.variants.items()),
        )


class RunState(BaseModel):
    """A run after its last completed step; row t of the matrix is a[t], percent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: tuple[Text, ...] = ()
    library: Text = ""  # SHA-256 of the manifest the run started from
    transductive: bool = False  # whether calibration images of its tasks come from a test split
    scoring: Text = ""  # of texts: whether answers are scored by likelihood or generated
    held_out: dict[Text, tuple[Percent, ...]] = {}  # of tasks that are not merged: zero-shot, then after the merge
    step: Whole = 0
    matrix: tuple[AccuracyRow, ...] = ()
    individual: tuple[Percent, ...] = ()  # accuracy of each expert on its own task, as far as they arrived
    test_images: tuple[Whole, ...] = ()
    growth: Growth | None = None  # of a method that grows, after the last step
    step_seconds: tuple[Seconds, ...] = ()
    unfinished_seconds: Seconds = 0.0  # spent on the step after the last completed one
    seconds: Seconds = 0.0
    peak_memory_bytes: Whole = 0
    device: Text = ""

    @property
    def noun(self) -> str:
        """What the examples that were merged on are called."""
        return "texts" if self.scoring else "images"


def parsed(model: type[M], path: Path, fields: dict[str, Any]) -> M:
    """The fields of a run's file as a model; raises InputError that names the file and the field."""
    try:
        return model(**fields)
    except ValidationError as error:
        field, reason = first_mistake(error)
        raise InputError(f"a run's {path.name} has the fields of this version: {field} ({reason}) in {path}") from None
