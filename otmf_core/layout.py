"""The layout of a run folder: each file's name, once.

runs/<id>/config.json        what was asked for: MergeConfig
          status.json        queued, running, stopped, failed or done, and why
          progress.json      what is known after every completed step: RunState
          record.json        the finished run's figures: RunRecord (what `merge --json` prints)
          steps/02/…         loss curves, mask statistics and masks of a fusion
          merged.safetensors the merged task vector Δ_m
          carried.safetensors  what the model has beside θ⁰ + Δ_m, where it grew
          heads.safetensors  tuned heads, where heads were tuned
          notes.json         the name and the note its reader gave it; the id never changes
          tracking.json      what trackers were told of it, where it is tracked
          features/          features and projections of its models, once taken
          export/            the merged model for open_clip, and its card, once exported
          export-…/          the same in another layout
          owner.json         the claim of the process that is merging it now, beside its owner.lock
          resume/            what an unfinished run continues from
"""

from __future__ import annotations

from pathlib import Path

CONFIG, STATUS, STATE, RECORD, NOTES = "config.json", "status.json", "progress.json", "record.json", "notes.json"
MERGED, HEADS = "merged.safetensors", "heads.safetensors"
CURVES, MASK_STATISTICS, MASKS = "curves.parquet", "mask_statistics.parquet", "masks.safetensors"
COEFFICIENTS = "coefficients.safetensors"  # of the task vectors, tensor by tensor, in the folder of a step
GATES = "gates.safetensors"  # of the experts that a step added, in its folder
FEATURES_KEY, FEATURES = "features/key.json", "features/features.safetensors"
EXPORTS = {  # folder of an exported model, by its layout
    "open_clip": "export",
    "huggingface": "export-huggingface",
    "task-vector": "export-task-vector",
    "lora": "export-lora",
}
CARD = "README.md"  # the last file written there
CLAIM, LOCK = "owner.json", "owner.lock"
TRACKING = "tracking.json"
RESUME = "resume"
TEACHERS = "teachers.safetensors"  # features of the examples that are kept, under their experts
CARRIED = "carried.safetensors"  # what a method carries from step to step beside Δ_m, a model that grew to the end
WITHIN = f"{RESUME}/within.safetensors"  # the state of an unfinished step
STEPS = "steps"


def step_folder(t: int) -> str:
    """The folder, in a run's, of what the fusion of step t left: curves, statistics and masks."""
    return f"{STEPS}/{t:02d}"


def every_step(file: str) -> str:
    """The pattern, in a run's folder, of that file of every fusion."""
    return f"{STEPS}/*/{file}"


def state_folder(run: Path, t: int, tasks: int) -> Path:
    """The folder of the weights that step t of so many leaves: the run's own for the last step."""
    return run if t == tasks else run / RESUME / f"step-{t:02d}"


def projection(t: int, method: str) -> str:
    """The file, in a run's folder, of one projection of the features of the task that step t takes in."""
    return f"features/{t:02d}-{method}.parquet"
