"""Export the merged task vector alone: what a merge adds to the pre-trained model."""

from __future__ import annotations

from pathlib import Path

from otmf_core.export.merged import finish, merged_model
from otmf_core.export.model_card import FOLDER, Kind
from otmf_core.files import write_tensors

FILE = "task_vector.safetensors"
KIND = Kind(
    title="the task vector of {tasks} merged",
    what="What the merge of {models} adds to the image tower of the pre-trained CLIP of {library}: the merged model "
    "less the pre-trained one, in float32, by open_clip's names. It comes without the model that it is added to.",
    code=f"""import open_clip
from safetensors.torch import load_file

model = open_clip.create_model("local-dir:path/of/the/pre-trained/model")
state = model.state_dict()
for name, difference in load_file("{FOLDER}/{FILE}").items():
    state[name] += difference  # in place: this changes the model""",
)


T5 = Kind(
    title="the task vector of {tasks} merged",
    what="What the merge of {models} adds to the pre-trained T5 of {library}: the merged model less the pre-trained "
    "one, in float32, by transformers' names. It comes without the model that it is added to.",
    code=f"""from safetensors.torch import load_file
from transformers import T5ForConditionalGeneration

model = T5ForConditionalGeneration.from_pretrained("path/of/the/pre-trained/model")
state = model.state_dict()
for name, difference in load_file("{FOLDER}/{FILE}").items():
    state[name] += difference  # in place: this changes the model""",
)


def export_model(run_dir: Path, to: Path | None = None) -> Path:
    """Write Δ_m into folder `to` (default: <run>/export-task-vector) and return it.

    task_vector.safetensors holds it in float32, by the names that the image tower's tensors have in open_clip's CLIP
    or a T5's in transformers, with the run's figures as metadata; README.md its model card. Raises InputError unless
    the run is done.
    """
    merged = merged_model(run_dir)
    delta = {f"{merged.library.prefix}{name}": value for name, value in merged.delta.items()}
    card = merged.card(T5 if merged.library.of_texts else KIND)
    folder = merged.folder("task-vector", to)
    write_tensors(folder / FILE, delta, merged.metadata())
    return finish(folder, card)
