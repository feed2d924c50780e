"""What a merge is asked to do: one frozen, validated value that reads and writes JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from otmf_core.errors import InputError
from otmf_core.library.examples import Split

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    # The paper's own settings (arXiv 2511.19561, section 4 and its public scripts): alternating updates, raw
    # features, constant rates, nothing kept of earlier tasks.
    "paper": {
        "update": "alternating",
        "space": "raw",
        "blur": 0.05,
        "p": 2,
        "lr": 0.01,
        "schedule": "constant",
        "batch": 16,
        "steps": 100,
        "memory": 0,
        "head_lr": 0.01,
    },
}


class MergeConfig(BaseModel):
    """A continual merge, completely described; the same value and seed give the same run, bit for bit, on CPU."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    tasks: tuple[str, ...] = Field(description="task ids, in the order in which they are merged")
    library: str = Field("minizoo", description="an installed library, or the path of a library folder")
    method: Literal["otmf", "average", "task-arithmetic"] = Field("otmf", description="how two task vectors are fused")
    preset: Literal["default", "paper"] = Field("default", description="which defaults the other fields started from")

    alpha: Annotated[float, Field(ge=0, le=1)] = Field(0.8, description="retention weight of the merged vector so far")
    scaling: Annotated[float, Field(ge=0, le=2)] = Field(0.3, description="λ of task arithmetic")

    update: Literal["joint", "alternating"] = Field("joint", description="which masks an optimisation step trains")
    space: Literal["raw", "features", "logits", "softmax"] = Field(
        "logits",
        description="where transport is measured: raw or normalised features, cosine logits, class probabilities",
    )
    blur: Annotated[float, Field(gt=0, le=10)] = Field(0.05, description="Sinkhorn blur, in units of the space")
    p: Literal[1, 2] = Field(2, description="exponent of the transport cost")
    lr: Annotated[float, Field(gt=0, le=1)] = Field(0.1, description="Adam's rate on the masks")
    schedule: Literal["constant", "cosine"] = Field("cosine", description="decay of the rate over a fusion's steps")
    batch: Annotated[int, Field(ge=2, le=1024)] = Field(16, description="images of each side in a mini-batch")
    steps: Annotated[int, Field(ge=1, le=100_000)] = Field(100, description="optimisation steps of each fusion")
    memory: Annotated[int, Field(ge=0, le=4096)] = Field(64, description="unlabelled images kept of every earlier task")

    heads: Literal["none", "tuned"] = Field("none", description="whether heads are tuned on labelled images")
    head_fraction: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25, description="share of the labelled pool read by tuning"
    )
    head_lr: Annotated[float, Field(gt=0, le=1)] = Field(0.0005, description="Adam's rate on a head that is tuned")
    evaluate: Literal["seen", "all"] = Field(
        "seen", description="tasks evaluated after a step: merged and next, or all"
    )

    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="seed of every draw")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps")
    checkpoint_seconds: Annotated[float, Field(ge=0)] = Field(5.0, description="time between saves within a fusion")

    @field_validator("tasks")
    @classmethod
    def _at_least_two_distinct(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        if len(tasks) < 2:
            raise ValueError(f"a merge needs at least two tasks, received {len(tasks)}: {', '.join(tasks) or 'none'}")
        twice = sorted({task for task in tasks if tasks.count(task) > 1})
        if twice:
            raise ValueError(f"a task can be merged once, received twice: {', '.join(twice)}")
        return tasks

    @property
    def reads_images(self) -> bool:
        """Whether the method learns from calibration images; the others read none."""
        return self.method == "otmf"

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits that the merge reads."""
        calibration: tuple[Split, ...] = ("calibration",) if self.reads_images else ()
        labelled: tuple[Split, ...] = ("labelled",) if self.heads == "tuned" else ()
        return ("test", *calibration, *labelled)

    def stamp(self) -> dict[str, Any]:
        """What a result of this merge used: labels, calibration split, images kept of every earlier task."""
        labels = "unlabelled images" if self.reads_images else "none"
        if self.heads == "tuned":
            labels = f"labelled heads ({self.head_fraction:.0%})"
        return {
            "labels": labels,
            "calibration_split": "train" if self.reads_images or self.heads == "tuned" else "none",
            "memory_per_task": self.memory if self.reads_images else 0,
        }

    @classmethod
    def build(cls, preset: str = "default", **overrides: Any) -> MergeConfig:
        """A configuration from a preset and the fields that differ from it; raises InputError with one sentence."""
        if preset not in PRESETS:
            raise InputError(f"a preset is one of {', '.join(PRESETS)}, received {preset!r}")
        return cls.parse({**PRESETS[preset], "preset": preset, **overrides})

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> MergeConfig:
        """A configuration from JSON fields; raises InputError with one sentence that names the field."""
        try:
            return cls(**fields)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            if first["type"] == "missing":
                raise InputError(f"a configuration needs {field}, received {', '.join(fields) or 'nothing'}") from None
            if first["type"] == "extra_forbidden":
                raise InputError(f"a configuration has no field {field!r}, received {first['input']!r}") from None
            reason = first["msg"].removeprefix("Value error, ")
            if first["type"] == "value_error":
                raise InputError(reason) from None
            if first["type"].startswith(("less_than", "greater_than")):
                raise InputError(f"{field} must be {_range(field)}, received {first['input']!r}") from None
            raise InputError(f"{field}: {reason[0].lower()}{reason[1:]}, received {first['input']!r}") from None


def _range(field: str) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = MergeConfig.model_fields[field].metadata
    found = ((sign, getattr(bound, name, None)) for bound in bounds for name, sign in signs.items())
    return " and ".join(f"{sign} {value}" for sign, value in found if value is not None)
