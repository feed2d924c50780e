"""The configuration of a merge: one frozen, validated value that reads and writes JSON."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.examples import Split
from otmf_core.methods.base import Method
from otmf_core.methods.table import METHODS, TABLE
from otmf_core.settings import Setting, Shown, settings_of

FORMAT = 3
OF_TEXTS = ("scoring", "text_features", "text_precision")  # settings that merges of images have no use for
NAMED = 8  # of the fields received, in a sentence that misses one
# What a preset sets beside its method's own settings (Method.presets).
PRESETS: dict[str, dict[str, Any]] = {"default": {}, "paper": {"head_lr": 0.01}}


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"a name or a path has no control characters, received {shown(text)}")
    return text


Name = Annotated[str, Field(max_length=200), AfterValidator(_printable)]

if TYPE_CHECKING:
    AnyMethod = Method
else:
    AnyMethod = Annotated[Union[TABLE], Field(discriminator="name")]  # noqa: UP007  made from the table


class MergeConfig(BaseModel):
    """A continual merge, completely described; the same value and seed give the same run, bit for bit, on CPU."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[3] = Field(FORMAT, description="of this configuration")
    tasks: tuple[Name, ...] = Field(max_length=1000, description="task ids, in the order in which they are merged")
    library: Annotated[str, Field(max_length=4096), AfterValidator(_printable)] = Field(
        "minizoo", description="an installed library, or the path of a library folder"
    )
    method: AnyMethod = Field(
        METHODS["otmf"](name="otmf"), description="how two task vectors are fused, and its settings"
    )
    preset: str = Field("default", description="which defaults the other fields started from")

    heads: Literal["none", "tuned", "last"] = Field(
        "none",
        description="whether heads are tuned on labelled examples: not; each once the next task is in, as in the "
        "paper; or all after the last step, which needs every task's labels at the end",
    )
    head_fraction: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25, description="share of the labelled pool read by tuning"
    )
    head_lr: Annotated[float, Field(gt=0, le=1)] = Field(0.0005, description="Adam's rate on a head that is tuned")
    evaluate: Literal["seen", "all", "held-out"] = Field(
        "seen",
        description="tasks evaluated after a step: merged and next; all that are merged; or merged and next, and "
        "before and after the merge those of the library that are not merged",
    )

    scoring: Annotated[
        Literal["likelihood", "generation"],
        Shown(choices={"likelihood": "Likelihood", "generation": "Generation"}),
    ] = Field(
        "likelihood",
        description="of texts: answers are scored by the likelihood of each, or generated and compared word by word",
    )
    text_features: Annotated[
        Literal["decoder", "encoder"],
        Shown(label="Features", choices={"decoder": "Decoder", "encoder": "Encoder"}),
    ] = Field(
        "decoder",
        description="of texts: outputs are compared as the decoder's first state, or as the mean of the encoder's, "
        "which trains no mask of the decoder",
    )
    text_precision: Annotated[Literal["float32", "bfloat16"], Shown(label="Precision")] = Field(
        "float32", description="of texts: what a T5's products are computed in; its weights are float32"
    )

    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="seed of every draw")
    device: Annotated[str, Field(max_length=20), AfterValidator(_printable)] = Field(
        "auto", description="auto, cpu, cuda, cuda:N or mps"
    )
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

    @model_validator(mode="after")
    def _known_preset(self) -> MergeConfig:
        if self.preset not in presets():
            raise ValueError(f"a preset is one of {', '.join(presets())}, received {shown(self.preset)}")
        return self

    @model_serializer(mode="wrap")
    def _without_texts(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is said of texts is written where it differs, so that merges of images are written as ever."""
        own = MergeConfig.model_fields
        return {
            name: value for name, value in write(self).items() if name not in OF_TEXTS or value != own[name].default
        }

    @property
    def reads_examples(self) -> bool:
        """Whether the method learns from calibration examples; the others read none."""
        return self.method.reads != "none"

    @property
    def reads_labels(self) -> bool:
        """Whether the method or the tuning of heads learns from labelled examples."""
        return self.method.reads == "labels" or self.heads != "none"

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits that the merge reads."""
        calibration: tuple[Split, ...] = ("calibration",) if self.reads_examples else ()
        labelled: tuple[Split, ...] = ("labelled",) if self.reads_labels else ()
        return ("test", *calibration, *labelled)

    def heads_tuned(self, step: int) -> range:
        """The numbers, from 0, of the tasks whose heads are tuned after step t (method, section 3)."""
        last = len(self.tasks)
        if self.heads == "last":
            return range(last if step == last else 0)
        return range(max(step - 2, 0), step if step == last else step - 1) if self.heads == "tuned" else range(0)

    def held_out(self, tasks: Iterable[str]) -> tuple[str, ...]:
        """Those of a library's tasks that are evaluated though they are not merged."""
        return tuple(task for task in tasks if task not in self.tasks) if self.evaluate == "held-out" else ()

    def stamp(self, transductive: bool = False, noun: str = "images") -> dict[str, Any]:
        """The data behind a result of this merge: labels, calibration split, examples kept of every earlier task.

        `transductive` where calibration examples of its library come from a test split; they are called `noun`.
        """
        split = "test" if transductive and self.reads_examples else "train"
        labels = {"none": "none", "calibration": f"unlabelled {noun}", "labels": f"labelled {noun}"}[self.method.reads]
        if self.heads != "none":
            heads = f"labelled heads ({self.head_fraction:.0%})"
            labels = f"{labels}, {heads}" if self.method.reads == "labels" else heads
        return {
            "labels": labels,
            "calibration_split": split if self.reads_examples or self.reads_labels else "none",
            "memory_per_task": self.method.kept_examples,
        }

    def flat(self) -> dict[str, Any]:
        """Every setting by its name, the method's own among them, as JSON has it; `method` is the method's name."""
        fields = self.model_dump(mode="json", exclude={"format", "method"})
        split = list(fields).index("library") + 1
        items = list(fields.items())
        return dict([*items[:split], ("method", self.method.name), *self.method.settings().items(), *items[split:]])

    def with_settings(self, **changes: Any) -> MergeConfig:
        """The same merge with other settings, the method's own or the run's; raises InputError as `build` does."""
        return MergeConfig.build(**{**self.flat(), **changes})

    @classmethod
    def build(cls, preset: str = "default", **settings: Any) -> MergeConfig:
        """A configuration from a preset and the settings that differ from it, the run's and the method's own alike.

        `method` is a method's name. Raises InputError with one sentence.
        """
        if preset not in presets():
            raise InputError(f"a preset is one of {', '.join(presets())}, received {shown(preset)}")
        name = settings.pop("method", "otmf")
        if name not in METHODS:
            raise InputError(f"a method is one of {', '.join(METHODS)}, received {shown(name)}")
        own = {key: value for key, value in settings.items() if key not in cls.model_fields}
        run = {key: value for key, value in settings.items() if key in cls.model_fields}
        method = {"name": name, **METHODS[name].presets.get(preset, {}), **own}
        return cls.parse({"format": FORMAT, **PRESETS.get(preset, {}), "preset": preset, **run, "method": method})

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> MergeConfig:
        """A configuration from JSON fields of any format; raises InputError with one sentence that names the field."""
        given = fields
        if "format" not in fields:
            fields = _from_format_1(fields)
        if fields["format"] == 2:
            fields = _from_format_2(fields)
        try:
            return cls(**fields)
        except ValidationError as error:
            raise InputError(_sentence(error, given)) from None


@cache
def presets() -> tuple[str, ...]:
    """The names of all presets."""
    return tuple(dict.fromkeys([*PRESETS, *(name for method in TABLE for name in method.presets)]))


@cache
def run_settings() -> dict[str, Setting]:
    """The settings of a run that are not its method's, by name."""
    return settings_of(MergeConfig, "format", "method")


def setting_named(name: str) -> Setting:
    """A setting of the run or, of the first method that has one of that name, of its own."""
    return run_settings().get(name) or next(own[name] for m in TABLE if name in (own := m.described()))


def _from_format_1(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a configuration of version 0.1.0, which held the settings of all methods side by side."""
    run = dict(fields)
    if "steps" in run:
        run["iterations"] = run.pop("steps")
    name = run.pop("method", "otmf")
    held = {setting: run.pop(setting) for method in FORMAT_1 for setting in FORMAT_1[method] if setting in run}
    own = {setting: value for setting, value in held.items() if setting in FORMAT_1.get(str(name), ())}
    return {"format": 2, **run, "method": {"name": name, **own}}


def _from_format_2(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a configuration from before images had views, with the defaults of that time."""
    method = fields.get("method")
    if isinstance(method, dict):
        fields = {**fields, "method": {**UNTIL_3.get(str(method.get("name")), {}), **method}}
    return {**fields, "format": FORMAT}


UNTIL_3: dict[str, dict[str, Any]] = {
    "otmf": {
        "iterations": 100,
        "batch_earlier": None,
        "lr": 0.1,
        "memory": 64,
        "views": 1,
        "loss": "sinkhorn",
        "temperature": 1.0,
        "momentum": 0.9,
    },
    "joint-masks": {"memory": 64, "views": 1, "loss": "sinkhorn", "temperature": 1.0},
}
FORMAT_1 = {
    "otmf": ("alpha", "update", "space", "blur", "p", "lr", "schedule", "batch", "iterations", "memory"),
    "task-arithmetic": ("scaling",),
}


def _sentence(error: ValidationError, fields: dict[str, Any]) -> str:
    """The first mistake of a configuration with these fields, in one sentence."""
    first = error.errors()[0]
    location: tuple[Any, ...] = first["loc"]
    received = first["input"]
    own = location[:1] == ("method",) and len(location) > 2  # then the method's name comes second
    method = str(list(location)[1]) if own else ""
    field = ".".join(str(part) for part in (location[2:] if own else location))
    if first["type"] == "missing":
        given = [name for name in fields if name not in ("format", "method")]
        own_fields = fields.get("method")
        given += [name for name in own_fields if name != "name"] if isinstance(own_fields, dict) else []
        named = given[:NAMED] + [f"{len(given) - NAMED} more"] * (len(given) > NAMED)
        return f"a configuration needs {field}, received {', '.join(named) or 'nothing'}"
    if first["type"] == "extra_forbidden":
        owners = [name for name, method in METHODS.items() if field in method.described()]
        if owners:
            others = ", ".join(owners)
            return f"{field} is a setting of {others}, not of {method or 'a run'}, received {shown(received, 80)}"
        return f"a configuration has no field {shown(field)}, received {shown(received, 80)}"
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        received = received.get("name", received) if isinstance(received, dict) else received
        return f"a method is one that this version knows, received {shown(received, 80)}"
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return reason
    if first["type"].startswith(("less_than", "greater_than")):
        described = METHODS[method].described() if own else run_settings()
        return f"{field} must be {described[field].bounds}, received {shown(received, 80)}"
    return f"{field}: {reason[0].lower()}{reason[1:]}, received {shown(received, 80)}"
