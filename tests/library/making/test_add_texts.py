"""Libraries of texts made of a hub's folders, and what they refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from otmf_core.cli.main import main
from otmf_core.errors import InputError
from otmf_core.files import sha256
from otmf_core.library.known_texts import known_text, known_texts
from otmf_core.library.library import ASSETS, Library, open_library
from otmf_core.library.making.add import Added, NewTask, add_task
from otmf_core.library.making.check import check_library
from otmf_core.library.making.new import new_library
from otmf_core.library.manifest import prompt_fields
from otmf_core.library.texts import MAX_TOKENS, filled
from otmf_core.models.tokens import Tokens
from tests import t5s
from tests.tiny import contents, is_one_sentence


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    return t5s.write_library(folder / "library", folder / "sources")


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A library without tasks."""
    new_library(tmp_path / "library", t5s.write_folder(tmp_path / "base", t5s.weights(7), tokenizer=True))
    return tmp_path / "library"


def added(begun: Path, text: str = "text,label\na cat,1\na dog,0\n", **changes: Any) -> Added:
    """A task added whose data set is this CSV, six times over."""
    head, *lines = text.splitlines()
    data = begun.parent / "train.csv"
    data.write_text("\n".join([head, *lines * 6]) + "\n")
    model = changes.pop("model", None) or t5s.write_folder(begun.parent / "fine", t5s.tuned(t5s.weights(7), 1, 0.02))
    given: dict[str, Any] = {"name": "mood", **t5s.MOOD, "checkpoint": model, "data": data}
    return add_task(begun, NewTask(**{**given, **changes}))


def test_the_manifest_says_what_is_asked_and_answered(root: Path):
    library = open_library(str(root))
    assert library.of_texts and library.manifest.format == 3
    assert [task.id for task in library.tasks] == ["mood", "same", "scale"]
    mood, same, scale = library.tasks
    assert (mood.prompt, mood.classes, mood.metric) == (t5s.MOOD["prompt"], ("bad", "good"), "accuracy")
    assert (scale.metric, scale.classes, scale.head) == ("spearman", tuple("012345"), None)
    assert (mood.test_source, same.test_source) == ("mood-data: validation", "same-data: test")
    assert library.suites == {"3": ["mood", "same", "scale"]}
    beside = [Path(name).name for name in library.manifest.backbone.beside]
    assert beside == ["tokenizer_config.json", "generation_config.json"]


def test_examples_are_prompts_in_tokens(root: Path):
    library = open_library(str(root))
    words = {word: number for number, word in enumerate((*t5s.SPECIAL, *t5s.WORDS))}
    found = library.examples("same", "test")
    assert isinstance(found.inputs, Tokens)
    asked = "a cat sat : a cat sat . is the second of these the same ?"
    expected = [*(words[word] for word in asked.split()), 1]
    assert found.inputs.ids[0][found.inputs.mask[0]].tolist() == expected
    assert found.labels.tolist() == [i % 3 for i in range(24)]
    assert library.examples("scale", "test").labels.is_floating_point()


def test_heads_are_the_rows_of_the_pre_trained_lm_head_for_first_tokens(root: Path):
    library = open_library(str(root))
    words = {word: number for number, word in enumerate((*t5s.SPECIAL, *t5s.WORDS))}
    head = library.head("same")
    lm_head = library.base()["lm_head.weight"]
    assert torch.equal(head.weight, lm_head[[words["no"], words["yes"], words["not"]]])
    assert head.verbalizers is not None
    assert head.verbalizers.tokens == ((words["no"], 1), (words["yes"], 1), (words["not"], words["really"], 1))


def test_a_check_scores_each_model_on_its_task(root: Path):
    checked = check_library(open_library(str(root)), images=24)
    assert checked.sound and checked.architecture == "T5, d = 16"
    library = open_library(str(root))
    tower, head = library.tower(torch.device("cpu")), library.head("mood")
    tower.load({name: tensor.float() for name, tensor in library.task_vector("mood").items()})
    test = library.examples("mood", "test")
    right = (tower.scores(test.inputs, head, "mood").argmax(1) == test.labels).double().mean().item()
    assert checked.tasks[0].individual == pytest.approx(100 * right)


@pytest.mark.parametrize(
    ("given", "said"), [("good,,bad", "number 1 of 3 is empty"), ("good, ", "number 1 of 2 is empty")]
)
def test_an_empty_answer_does_not_move_the_others(
    begun: Path, given: str, said: str, capsys: pytest.CaptureFixture[str]
):
    model = t5s.write_folder(begun.parent / "fine", t5s.tuned(t5s.weights(7), 1, 0.02))
    data = t5s.write_data(begun.parent / "data", "mood")
    options = ["--task", "mood", "--checkpoint", str(model), "--data", str(data), "--prompt", t5s.MOOD["prompt"]]
    before = contents(begun)
    assert main(["library", "add", str(begun), *options, "--classes", given]) == 2
    assert said in capsys.readouterr().err
    assert contents(begun) == before
    (begun.parent / "names.txt").write_text("bad\ngood\n\n")  # a file's last lines may be empty
    assert main(["library", "add", str(begun), *options, "--classes", str(begun.parent / "names.txt")]) == 0


def test_the_command_line_makes_a_library_of_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    base, fine = t5s.weights(7), t5s.tuned(t5s.weights(7), 1)
    backbone = t5s.write_folder(tmp_path / "base", base, tokenizer=True)
    model = t5s.write_folder(tmp_path / "fine", fine)
    data = t5s.write_data(tmp_path / "data", "scale")
    root = str(tmp_path / "library")
    assert main(["library", "new", root, "--backbone", str(backbone), "--name", "Tiny"]) == 0
    options = ["--task", "Scale", "--checkpoint", str(model), "--data", str(data), "--metric", "spearman"]
    asked = ["--prompt", t5s.SCALE["prompt"], "--classes", ",".join(t5s.SCALE["classes"]), "--copy"]
    assert main(["library", "add", root, *options, *asked]) == 0
    assert "scale is added: t5, F32" in capsys.readouterr().out
    library = open_library(root)
    assert library.task("scale").metric == "spearman" and library.task("scale").checkpoint is None
    found = library.task_vector("scale")
    torch.testing.assert_close(found["lm_head.weight"], fine["lm_head.weight"] - base["lm_head.weight"])
    assert main(["list", "tasks", "--library", root]) == 0
    assert "Scale" in capsys.readouterr().out


def test_long_texts_are_cut_and_their_number_is_said(begun: Path):
    long = " ".join(["cat dog"] * 1000)
    result = added(begun, f"text,label\n{long},1\na dog,0\n")
    assert any(f"6 texts of more than {MAX_TOKENS} tokens are cut" in note for note in result.notes)
    library = open_library(str(begun))
    tokens = [library.examples("mood", split).inputs for split in ("calibration", "labelled", "test")]
    widest = max((part for part in tokens if isinstance(part, Tokens)), key=lambda part: part.ids.shape[1])
    assert widest.ids.shape[1] == MAX_TOKENS
    assert set(widest.ids[widest.mask.sum(1) == MAX_TOKENS, -1].tolist()) == {1}


def test_empty_texts_are_left_out_and_said(begun: Path):
    result = added(begun, "text,label\na cat,1\n ,1\na dog,0\n")
    assert any(note.startswith("6 texts were empty and are left out: row 1 of train.csv") for note in result.notes)
    assert open_library(str(begun)).task("mood").left_out in result.notes


def test_one_class_is_refused_by_the_name_of_the_data_set(begun: Path):
    with pytest.raises(InputError, match=r"at least two classes: mood has one, 'good', in .*/train\.csv$"):
        added(begun, "text,label\na cat,1\na dog,1\n")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a label that is no answer": ({"text": "text,label\na,2\n"}, "labels are answers or their numbers"),
    "no prompt": ({"prompt": ""}, "a prompt has a column of the data set in braces"),
    "a prompt without a column": ({"prompt": "is it good?"}, "a prompt has a column"),
    "a prompt of another column": ({"prompt": "{sentence}"}, "'sentence' is none of"),
    "a prompt with braces that name no column": (
        {"prompt": "{text} {second half}"},
        "hold a column's name, .*{second half}",
    ),
    "a prompt with an open brace": ({"prompt": "{text} {second"}, "hold a column's name"),
    "a prompt that leaves no room": ({"prompt": "cat " * 600 + "{text}"}, "leaves room for texts: .* 601 tokens alone"),
    "a prompt with the label": ({"prompt": "{text} {label}"}, "does not ask with the label in it"),
    "templates": ({"templates": ("a {}",)}, "heads and templates are of images"),
    "one answer": ({"classes": ("yes",)}, "at least two answers"),
    "an answer without words": ({"classes": ("good", "", "bad")}, "an answer has words: number 1 of 3 is empty"),
    "an answer twice": ({"classes": ("yes", "yes")}, "has an answer once"),
    "answers alike": ({"classes": ("yes", "YES")}, "told apart by their tokens: 'yes' and 'YES'"),
    "words for numbers": ({"metric": "spearman"}, "answers that are compared by rank are numbers"),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_a_task_that_cannot_be_asked_leaves_nothing(begun: Path, change: dict[str, Any], said: str):
    before = contents(begun)
    with pytest.raises(InputError, match=said) as caught:
        added(begun, **change)
    assert is_one_sentence(str(caught.value))
    assert contents(begun) == before


def test_a_model_that_scales_otherwise_is_refused(begun: Path):
    fine = t5s.tuned(t5s.weights(7), 1)
    model = t5s.write_folder(begun.parent / "scaled", fine, scale_decoder_outputs=True)
    with pytest.raises(InputError, match="its scaled False: it is True"):
        added(begun, model=model)


def test_a_tokenizer_with_ids_outside_the_embedding_is_refused(tmp_path: Path):
    small = t5s.write_folder(tmp_path / "base", t5s.weights(vocab_size=30), tokenizer=True, vocab_size=30)
    with pytest.raises(InputError, match="below the embedding's 30 rows") as caught:
        new_library(tmp_path / "library", small)
    assert is_one_sentence(str(caught.value))
    assert not (tmp_path / "library/manifest.json").exists()


@pytest.mark.parametrize(
    ("file", "said"), [("tokenizer.json", "its tokenizer.json"), ("config.json", "its config.json")]
)
def test_a_pre_trained_model_comes_with_its_files(tmp_path: Path, file: str, said: str):
    base = t5s.write_folder(tmp_path / "base", t5s.weights(), tokenizer=True)
    (base / file).unlink()
    with pytest.raises(InputError, match=said):
        new_library(tmp_path / "library", base)


@pytest.mark.parametrize(
    ("ends", "said"),
    [("[SEP]", r"adds '\[CLS\]', '\[SEP\]'"), (None, "adds nothing and has 'is' there")],
    ids=["of a BERT", "without an end"],
)
def test_the_tokenizer_of_another_model_is_refused(tmp_path: Path, ends: str | None, said: str):
    base = t5s.write_folder(tmp_path / "base", t5s.weights(), tokenizer=True)
    write_other_tokenizer(base, ends)
    with pytest.raises(InputError, match=f"ends a text with id 1: .*tokenizer\\.json {said}") as caught:
        new_library(tmp_path / "library", base)
    assert is_one_sentence(str(caught.value))
    assert not (tmp_path / "library/manifest.json").exists()


def write_other_tokenizer(folder: Path, ends: str | None) -> None:
    """A tokenizer of the same words under other numbers, which puts them between [CLS] and `ends`, or adds nothing."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ("[CLS]", "[SEP]") if ends else ("[UNK]",)
    words = {word: number for number, word in enumerate((*special, *t5s.WORDS))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=special[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if ends:
        added = [(token, words[token]) for token in special]
        tokenizer.post_processor = processors.TemplateProcessing(single=f"[CLS] $A {ends}", special_tokens=added)
        tokenizer.add_special_tokens([*special])
    tokenizer.save(str(folder / "tokenizer.json"))


def test_a_model_that_was_fine_tuned_with_another_tokenizer_is_refused(begun: Path):
    model = t5s.write_folder(begun.parent / "fine", t5s.tuned(t5s.weights(7), 1, 0.02), tokenizer=True)
    assert added(begun, model=model).task == "mood"  # the same one
    other = t5s.write_folder(begun.parent / "other", t5s.tuned(t5s.weights(7), 2, 0.02), tokenizer=True)
    text = (other / "tokenizer.json").read_text()
    (other / "tokenizer.json").write_text(text.replace('"film": ', '"movie": ').replace('"dog": ', '"film": '))
    with pytest.raises(
        InputError, match=r"as its library does: 'film' is \d+ in .*other/tokenizer\.json, \d+ in"
    ) as caught:
        added(begun, name="other", model=other)
    assert is_one_sentence(str(caught.value))


def test_a_model_that_states_another_prompt_is_noted(begun: Path):
    model = t5s.write_folder(begun.parent / "fine", t5s.tuned(t5s.weights(7), 1, 0.02), prefix="sentiment: ")
    assert any("states 'sentiment: ' before every text" in note for note in added(begun, model=model).notes)
    same = t5s.write_folder(begun.parent / "same", t5s.tuned(t5s.weights(7), 2, 0.02), prefix="is it ")
    assert not any("states" in note for note in added(begun, name="same", model=same).notes)


def test_an_encoder_alone_is_no_t5(begun: Path):
    encoder = {name: tensor for name, tensor in t5s.tuned(t5s.weights(7), 1).items() if not name.startswith("decoder")}
    model = t5s.write_folder(begun.parent / "encoder", encoder, tokenizer=True, architectures=["T5EncoderModel"])
    for make in (lambda: added(begun, model=model), lambda: new_library(begun.parent / "new", model)):
        with pytest.raises(
            InputError, match=r"an encoder and a decoder: there is no decoder in .*encoder/model"
        ) as caught:
            make()
        assert is_one_sentence(str(caught.value))


def test_a_clip_is_no_expert_of_texts(begun: Path):
    with pytest.raises(InputError, match="are T5s or adapters of one: received open_clip in"):
        added(begun, model=ASSETS / "minizoo/backbone")


def test_a_check_reads_the_texts_that_a_merge_learns_from(root: Path, tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    table, manifest = copy / "tasks/mood/calibration.parquet", json.loads((copy / "manifest.json").read_text())
    pq.write_table(pa.table({"text": ["a cat", ""] * 6, "label": [0, 1] * 6}), table)
    manifest["files"]["tasks/mood/calibration.parquet"] = {"sha256": sha256(table), "bytes": table.stat().st_size}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    checked = check_library(open_library(str(copy)), images=4)
    assert [task.task for task in checked.tasks if task.trouble] == ["mood"]
    assert "text of row 1 has none" in checked.tasks[0].trouble[0]


def test_a_damaged_tokenizer_is_refused(tmp_path: Path):
    base = t5s.write_folder(tmp_path / "base", t5s.weights(), tokenizer=True)
    (base / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"a tokenizer is a tokenizer\.json") as caught:
        new_library(tmp_path / "library", base)
    assert is_one_sentence(str(caught.value))


def test_glue_brings_its_prompts_and_other_prompts_are_noted(begun: Path):
    known = known_text("SST2")
    assert known is not None and known.id == "glue-sst2"
    result = added(begun, "sentence,label\na cat,1\na dog,0\n", name="sst2", prompt="", classes=())
    assert result.task == "glue-sst2" and not result.notes
    task: Library = open_library(str(begun))
    assert task.task("glue-sst2").prompt == known.prompt
    other = t5s.write_folder(begun.parent / "other", t5s.tuned(t5s.weights(7), 2, 0.02))
    noted = added(begun, name="rte", model=other)
    assert "not those that the published models of RTE know" in noted.notes[0]


def test_known_prompts_are_filled_by_their_columns():
    columns = {
        "CoLA": ("sentence",), "MNLI": ("premise", "hypothesis"), "MRPC": ("sentence1", "sentence2"),
        "QNLI": ("sentence", "question"), "QQP": ("question1", "question2"), "RTE": ("sentence1", "sentence2"),
        "SST-2": ("sentence",), "STS-B": ("sentence1", "sentence2"),
    }  # fmt: skip
    assert {task.name: prompt_fields(task.prompt) for task in known_texts()} == columns
    assert filled("{a} '{b}' {a} {not one}", {"a": "{b}", "b": "x"}) == "{b} 'x' {b} {not one}"
    mean = sum(task.expert for task in known_texts()) / 8
    assert mean == pytest.approx(86.4, abs=0.05)  # as published


def test_a_manifest_of_images_has_no_word_of_texts(begun: Path):
    fields = json.loads((begun / "manifest.json").read_text())
    fields["format"] = 2
    (begun / "manifest.json").write_text(json.dumps(fields))
    with pytest.raises(InputError, match="is of format 3"):
        open_library(str(begun))
