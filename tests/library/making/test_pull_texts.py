"""GLUE's suite of a T5 made a library of, whole models or adapters, from the hub's own cache, without a network."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from otmf_core.errors import InputError
from otmf_core.library.known_texts import KnownText, known_texts
from otmf_core.library.making.pull import Suite, plan, pull
from otmf_core.library.making.splits import Sizes
from otmf_core.library.manifest import prompt_fields
from tests import t5s
from tests.library.making.test_pull import Hub
from tests.tiny import is_one_sentence

SIZES = Sizes(calibration=4, labelled=4, test=0)


def table(task: KnownText, rows: int, hidden: bool = False) -> bytes:
    """A shard of a task of GLUE."""
    fields = prompt_fields(task.prompt)
    columns: dict[str, Any] = {
        field: [f"{t5s.SENTENCE[(row + place) % 6]} {row % 6}" for row in range(rows)]
        for place, field in enumerate(fields)
    }
    scale = [row % 6 * 0.8 for row in range(rows)]
    labels = scale if task.metric == "spearman" else [row % len(task.answers) for row in range(rows)]
    columns |= {"label": [-1] * rows if hidden else labels, "idx": list(range(rows))}
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The cache of somebody who has fetched GLUE, its experts whole and as adapters."""
    hub, base = Hub(tmp_path / "cache"), t5s.weights(7)
    models = {"google/flan-t5-base": t5s.write_folder(tmp_path / "base", base, tokenizer=True)}
    for seed, task in enumerate(known_texts()):
        models[f"tanganke/flan-t5-base_{task.id}"] = t5s.write_folder(tmp_path / task.id, t5s.tuned(base, seed, 0.02))
        models[f"tanganke/flan-t5-base_{task.id}_lora-16"] = t5s.write_adapter(tmp_path / f"{task.id}-lora", seed)
        for split in ("train", task.test_split):
            name = f"{task.config}/{split}-00000-of-00001.parquet"
            hub.put("nyu-mll/glue", name, table(task, 12), "dataset")
        hidden = "test_matched" if task.config == "mnli" else "test"
        content = table(task, 6, hidden=True)
        hub.put("nyu-mll/glue", f"{task.config}/{hidden}-00000-of-00001.parquet", content, "dataset")
    for name, folder in models.items():
        for file in folder.iterdir():
            hub.put(name, file.name, file.read_bytes())
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub.root))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return hub


@pytest.mark.parametrize("lora", [False, True], ids=["whole", "LoRA"])
def test_glue_in_the_cache_becomes_a_library(cache: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: bool):
    # the tiny tokenizer knows none of these words, and answers have to differ
    monkeypatch.setattr("otmf_core.library.texts.verbalizers", lambda *_: None)
    suite = Suite("flan-t5-base", 8, SIZES, lora=lora)
    assert plan(tmp_path / "library", suite).missing_bytes == 0
    library = pull(tmp_path / "library", suite)
    assert library.suites == {"8": [task.id for task in known_texts()]}
    assert library.manifest.backbone.base_model == "google/flan-t5-base"
    for task in known_texts():
        own = library.task(task.id)
        assert (own.prompt, own.classes, own.metric) == (task.prompt, task.answers, task.metric)
        assert own.source == f"tanganke/flan-t5-base_{task.id}{'_lora-16' if lora else ''}"
        assert own.test_source.endswith(": validation") and library.count(task.id, "test") == 12
        assert library.expert(task.id).family == ("lora" if lora else "t5")


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        (Suite("flan-t5-base", 14), "GLUE's suite has 8 tasks, received 14"),
        (Suite("flan-t5-large", 8), "flan-t5-large was fine-tuned as LoRA alone"),
        (Suite("ViT-B-32", 8, lora=True), "LoRA adapters are fetched for flan-t5-base or flan-t5-large"),
    ],
)
def test_suites_that_were_never_published_are_refused(tmp_path: Path, suite: Suite, said: str):
    with pytest.raises(InputError, match=said) as caught:
        plan(tmp_path / "library", suite)
    assert is_one_sentence(str(caught.value))
