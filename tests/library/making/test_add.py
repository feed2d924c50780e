"""Tasks added to a library: referred to or copied, checked whole, and refused without a trace."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from otmf_core.errors import InputError
from otmf_core.library.encoded import encoded_pictures
from otmf_core.library.library import open_library
from otmf_core.library.making.add import NewTask, add_task
from otmf_core.library.making.new import new_library
from otmf_core.library.making.splits import Sizes
from otmf_core.models.heads import Head
from tests.hub import write_expert, write_folders
from tests.tiny import contents, is_one_sentence, merge_config, merged, pixels

PLAIN = "shades-of-grey"


def refused(library: Path, new: NewTask) -> str:
    before = contents(library)
    with pytest.raises(InputError) as caught:
        add_task(library, new)
    assert contents(library) == before
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


def hashes(library: Path, split: str) -> list[str]:
    path = library / f"tasks/{PLAIN}/{split}.parquet"
    return [hashlib.sha256(blob).hexdigest() for blob in encoded_pictures(path, range(pq.read_metadata(path).num_rows))]


def test_a_task_is_there_as_it_was_given(library: Path, shades: NewTask, base: Path):
    heard: list[tuple[str, float]] = []
    added = add_task(library, shades, lambda text, done: heard.append((text, done)))
    assert (added.task, added.family, added.precision) == (PLAIN, "open_clip", "F32")
    assert added.images == {"calibration": 9, "labelled": 12, "test": 12} and added.notes == ()
    assert heard[-1] == ("Done", 1.0) and ("Reading pictures, 33 of 33", 1.0) in heard
    opened = open_library(str(library))
    task = opened.task(PLAIN)
    assert (task.name, task.classes) == ("Shades of grey", ("bright", "dark", "middle"))
    assert opened.suites == {"1": [PLAIN]}
    before, after = load_file(base / "open_clip_model.safetensors"), load_file(shades.checkpoint)
    delta = opened.task_vector(PLAIN)
    assert all(torch.equal(delta[n.removeprefix("visual.")], after[n] - before[n]) for n in after)
    square = sum((after[n] - before[n]).double().square().sum() for n in after)
    whole = sum(before[n].double().square().sum() for n in after)
    assert added.relative_norm == pytest.approx(float(square / whole) ** 0.5)
    opened.check_task(PLAIN, ("calibration", "labelled", "test"))


def test_a_prompt_is_of_texts(library: Path, shades: NewTask):
    assert "a prompt and a metric are of texts" in refused(library, replace(shades, prompt="{text}"))
    assert "a prompt and a metric are of texts" in refused(library, replace(shades, metric="spearman"))


def test_splits_share_no_picture_and_test_pictures_are_those_of_the_test_split(
    library: Path, shades: NewTask, data: Path
):
    add_task(library, shades)
    calibration, labelled, test = (set(hashes(library, split)) for split in ("calibration", "labelled", "test"))
    assert not calibration & labelled and not test & (calibration | labelled)
    on_disk = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (data / "test").rglob("*.png")}
    assert test == on_disk


def test_what_is_copied_is_the_same_as_what_is_referred_to(library: Path, base: Path, shades: NewTask, tmp_path: Path):
    new_library(tmp_path / "whole", base)
    add_task(library, shades)
    add_task(tmp_path / "whole", replace(shades, copy=True))
    referring, whole = open_library(str(library)), open_library(str(tmp_path / "whole"))
    first, second = referring.task_vector(PLAIN), whole.task_vector(PLAIN)
    assert all(torch.equal(first[name], second[name]) for name in first)
    for split in ("calibration", "labelled", "test"):
        one, other = referring.examples(PLAIN, split), whole.examples(PLAIN, split)
        assert torch.equal(pixels(one), pixels(other)) and torch.equal(one.labels, other.labels)
    assert str(shades.data) not in (tmp_path / "whole/manifest.json").read_text()
    shutil.rmtree(shades.checkpoint.parent)
    whole.task_vector(PLAIN)
    with pytest.raises(InputError, match=r"^the library is incomplete: "):
        open_library(str(library)).check_task(PLAIN, ())


def test_a_checkpoint_that_has_changed_since(library: Path, shades: NewTask, base: Path):
    add_task(library, shades)
    write_expert(shades.checkpoint, base, 2)
    with pytest.raises(InputError, match=r"^a file must have the hash its manifest records: "):
        open_library(str(library)).task_vector(PLAIN)


def test_pictures_that_cannot_be_read_are_counted_named_and_left_out(library: Path, shades: NewTask, tmp_path: Path):
    data = write_folders(tmp_path / "data", {"train": 10, "test": 4})
    for number in range(4):
        (data / f"test/dark/{number:03d}.png").write_bytes(b"no picture")
    (data / "test/bright/001.png").write_bytes((data / "test/bright/001.png").read_bytes()[:60])
    added = add_task(library, replace(shades, data=data))
    assert added.images["test"] == 7
    assert added.notes == ("5 of 33 pictures could not be read: '001.png'; '000.png'; '001.png' …",)
    assert open_library(str(library)).task(PLAIN).left_out == added.notes[0]
    assert open_library(str(library)).examples(PLAIN, "test").labels.tolist().count(1) == 0


def test_calibration_images_from_the_test_split_are_stamped_on_every_result(
    library: Path, shades: NewTask, base: Path, tmp_path: Path
):
    add_task(library, replace(shades, transductive=True))
    write_expert(tmp_path / "other.safetensors", base, 5)
    add_task(library, replace(shades, name="other", checkpoint=tmp_path / "other.safetensors"))
    assert set(hashes(library, "calibration")) <= set(hashes(library, "test"))
    run = merged(merge_config(library, tasks=(PLAIN, "other")), tmp_path / "runs")
    assert json.loads((run / "record.json").read_text())["calibration_split"] == "test"
    average = merged(merge_config(library, tasks=(PLAIN, "other"), method="average"), tmp_path / "runs", "average")
    assert json.loads((average / "record.json").read_text())["calibration_split"] == "none"


def changed(shades: NewTask, base: Path, change: Callable[[dict], object], seed: int = 3) -> NewTask:
    return replace(shades, checkpoint=write_expert(shades.checkpoint.with_name("x.safetensors"), base, seed, change))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t["visual.proj"].fill_(float("nan")), "weights must be finite: proj has 512 NaN or infinite values"),
        (lambda t: t.update({"visual.proj": t["visual.proj"].T.contiguous()}), "shapes follow the pre-trained model: "),
        (
            lambda t: t.pop("visual.ln_pre.bias"),
            "weights have exactly the keys of the pre-trained model: ln_pre.bi",
        ),
        (
            lambda t: t.update({"visual.more": t["visual.proj"] * 1}),
            "weights have exactly the keys of the pre-trained ",
        ),
        (lambda t: t.update({"visual.proj": t["visual.proj"].half() * 1e6}), "weights must be finite: proj has "),
        (lambda t: [tensor.mul_(-1) for tensor in t.values()], "a fine-tuned model lies near its pre-trained one: "),
    ],
)
def test_a_model_that_was_not_fine_tuned_from_the_librarys(
    change: Callable, sentence: str, library: Path, shades: NewTask, base: Path
):
    assert refused(library, changed(shades, base, change)).startswith(sentence)


def test_another_pre_trained_model_is_told_how_far_it_lies(library: Path, shades: NewTask, base: Path):
    def redrawn(tensors: dict) -> None:
        torch.manual_seed(9)
        tensors.update({name: tensor.std() * torch.randn_like(tensor) for name, tensor in tensors.items()})

    sentence = refused(library, changed(shades, base, redrawn))
    assert "% of the pre-trained model's norm away from that of Ours" in sentence
    assert sentence.endswith("experts of two families do not mix")


def test_the_pre_trained_model_itself(library: Path, shades: NewTask, base: Path):
    for checkpoint in (base, write_expert(shades.checkpoint.with_name("same.safetensors"), base, 0)):
        assert refused(library, replace(shades, checkpoint=checkpoint)).endswith("is the pre-trained model itself")


def test_one_task_twice_and_two_tasks_with_one_model(library: Path, shades: NewTask):
    add_task(library, shades)
    assert refused(library, shades) == f"a library has a task once: {PLAIN} is in Ours"
    copied = shutil.copy(shades.checkpoint, shades.checkpoint.with_name("copy.safetensors"))
    sentence = refused(library, replace(shades, name="other", checkpoint=Path(copied)))
    assert sentence == f"two tasks have models of their own: {copied} is the one of Shades of grey"


def test_another_activation(library: Path, shades: NewTask, base: Path, tmp_path: Path):
    folder = tmp_path / "gelu"
    folder.mkdir()
    fields = json.loads((base / "open_clip_config.json").read_text())
    fields["model_cfg"]["quick_gelu"] = False
    (folder / "open_clip_config.json").write_text(json.dumps(fields))
    shutil.copy(shades.checkpoint, folder / "open_clip_model.safetensors")
    sentence = refused(library, replace(shades, checkpoint=folder))
    assert sentence.startswith("a fine-tuned model has the activation of Ours, quick_gelu: ")


def test_a_head_of_its_own(library: Path, shades: NewTask, tmp_path: Path):
    weight = 37.5 * torch.nn.functional.normalize(torch.randn(3, 16), dim=-1)
    torch.save({"weight": weight, "bias": torch.zeros(3)}, tmp_path / "head_Shades.pt")
    add_task(library, replace(shades, head=tmp_path / "head_Shades.pt"))
    head = open_library(str(library)).head(PLAIN)
    assert isinstance(head, Head) and head.scale == pytest.approx(37.5)
    assert torch.allclose(head.scale * head.weight, weight, atol=1e-4)


def test_a_head_of_other_classes(library: Path, shades: NewTask, tmp_path: Path):
    torch.save({"weight": torch.nn.functional.normalize(torch.randn(4, 16), dim=-1)}, tmp_path / "head.pt")
    sentence = refused(library, replace(shades, head=tmp_path / "head.pt"))
    assert sentence.startswith("a head has a row for each of 3 classes, of 16 features: it is (4, 16) in ")


def test_a_library_without_a_text_tower_needs_heads(base: Path, shades: NewTask, tmp_path: Path):
    new_library(tmp_path / "x", write_expert(tmp_path / "tower.safetensors", base, 0), activation="quick_gelu")
    sentence = refused(tmp_path / "x", shades)
    assert sentence == "a zero-shot head is made by a text tower, which x has not: give the task's head file"


def test_a_data_set_of_one_class_or_none(library: Path, shades: NewTask, tmp_path: Path):
    one = write_folders(tmp_path / "one", {"train": 8, "test": 4}, ("dark",))
    assert refused(library, replace(shades, data=one)).startswith("a calibration set needs at least two classes: ")
    (tmp_path / "none").mkdir()
    assert is_one_sentence(refused(library, replace(shades, data=tmp_path / "none")))
    assert refused(library, replace(shades, name="…")).startswith("a task's name has letters or digits, received '…'")


def test_a_stop_in_the_middle_leaves_nothing(library: Path, shades: NewTask):
    def stop(text: str, done: float) -> None:
        if text.startswith("Reading pictures"):
            raise KeyboardInterrupt

    before = contents(library)
    with pytest.raises(KeyboardInterrupt):
        add_task(library, shades, stop)
    assert contents(library) == before


def test_what_a_killed_process_left_does_not_stop_the_next(library: Path, shades: NewTask):
    (library / f"tasks/{PLAIN}").mkdir(parents=True)
    (library / f"tasks/{PLAIN}/half.parquet").write_bytes(b"PAR1")
    add_task(library, shades)
    assert not (library / f"tasks/{PLAIN}/half.parquet").exists()


def test_heads_are_made_once_for_the_same_words(
    library: Path, base: Path, shades: NewTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from otmf_core.library.making import zero_shot

    monkeypatch.setenv("OTMF_CACHE", str(tmp_path / "cache"))
    made: list[tuple] = []
    original = zero_shot._made
    monkeypatch.setattr(zero_shot, "_made", lambda *a: (made.append(a), original(*a))[1])
    add_task(library, shades)
    new_library(tmp_path / "again", base)
    add_task(tmp_path / "again", shades)
    new_library(tmp_path / "others", base)
    add_task(tmp_path / "others", replace(shades, templates=("a photo of a {}", "{}")))
    assert len(made) == 2
    first, again = (open_library(str(root)).head(PLAIN) for root in (library, tmp_path / "again"))
    assert torch.equal(first.weight, again.weight) and first.scale == again.scale


def test_sizes(library: Path, shades: NewTask):
    added = add_task(library, replace(shades, sizes=Sizes(calibration=6, labelled=5, test=7)))
    assert added.images == {"calibration": 6, "labelled": 5, "test": 7}
