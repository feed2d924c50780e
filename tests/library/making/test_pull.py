"""A public suite made a library of, from the hub's own cache, without a network."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from otmf_core.errors import InputError
from otmf_core.library.importers.datasets import open_dataset
from otmf_core.library.known_tasks import BACKBONES, KnownTask, suite
from otmf_core.library.library import open_library
from otmf_core.library.making import hub
from otmf_core.library.making.hub import Repository, needed
from otmf_core.library.making.pull import Suite, plan, pull
from otmf_core.library.making.splits import Sizes
from tests.hub import picture
from tests.tiny import is_one_sentence

REVISION = "0123456789abcdef0123456789abcdef01234567"
SUITE = Suite("ViT-B-32", 8, Sizes(calibration=4, labelled=4, test=0))


class Hub:
    """A cache as huggingface_hub lays it out: blobs by hash, a snapshot of links to them, a ref that names it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def repository(self, name: str, kind: str = "model") -> Path:
        return self.root / f"{kind}s--{name.replace('/', '--')}"

    def put(self, name: str, file: str, content: bytes, kind: str = "model") -> None:
        repository = self.repository(name, kind)
        blob = repository / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link = repository / "snapshots" / REVISION / file
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(*[".."] * (len(Path(file).parts) + 1), "blobs", blob.name))
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs/main").write_text(REVISION)


def clip(seed: int = 0) -> Any:
    """A tiny CLIPModel with the vocabulary of CLIP's own."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(seed)
    both = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1}
    text = {**both, "vocab_size": 49408, "max_position_embeddings": 77, "eos_token_id": 49407, "bos_token_id": 49406}
    vision = {**both, "image_size": 16, "patch_size": 8}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8))


def saved(model: Any, folder: Path) -> dict[str, bytes]:
    model.save_pretrained(folder)
    return {name: (folder / name).read_bytes() for name in ("config.json", "model.safetensors")}


def table(task: KnownTask, rows: int, first: int) -> bytes:
    """A shard of a data set as the hub writes it."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    labels = [row % len(task.classes) for row in range(first, first + rows)]
    images = [{"bytes": picture(label % 3, row), "path": None} for row, label in enumerate(labels, start=first)]
    file = io.BytesIO()
    pq.write_table(pa.table({"image": images, "label": labels}), file)
    return file.getvalue()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of somebody who has fetched the suite of eight; no test changes it."""
    import torch
    from transformers import CLIPVisionModel

    root = tmp_path_factory.mktemp("hub")
    cache, base = Hub(root / "cache"), clip()
    for name, content in saved(base, root / "base").items():
        cache.put(BACKBONES["ViT-B-32"], name, content)
    for seed, task in enumerate(suite(8)):
        torch.manual_seed(seed)
        expert = CLIPVisionModel(base.config.vision_config)
        weights = base.vision_model.state_dict()
        prefix = "vision_model." if "vision_model.pre_layrnorm.bias" in expert.state_dict() else ""
        moved = {
            f"{prefix}{name}": t + 0.001 * torch.randn_like(t) if t.is_floating_point() else t
            for name, t in weights.items()
        }
        expert.load_state_dict(moved)
        for name, content in saved(expert, root / task.id).items():
            cache.put(task.expert_repository("ViT-B-32"), name, content)
        folder = f"{task.config}/" if task.config else "data/"
        for split, rows in ((task.train_split, 12), (task.test_split, 6), ("contrast", 3)):
            content = table(task, rows, 100 * len(split))
            cache.put(task.data, f"{folder}{split}-00000-of-00001.parquet", content, "dataset")
    return root / "cache"


@pytest.fixture
def cache(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """That cache, which the test may damage, as the hub's own, and no network."""
    shutil.copytree(filled, tmp_path / "cache", symlinks=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return Hub(tmp_path / "cache")


def test_a_suite_in_the_cache_becomes_a_library(cache: Hub, tmp_path: Path):
    root = tmp_path / "library"
    planned = plan(root, SUITE)
    assert planned.missing_bytes == 0 and planned.cached_bytes > 1_000_000
    assert planned.sentence.startswith("0.0 GB to fetch, 0.0 GB in the hub's cache; ")
    library = pull(root, SUITE)
    assert [task.id for task in library.tasks] == [task.id for task in suite(8)] == library.suites["8"]
    assert library.manifest.backbone.base_model == "openai/clip-vit-base-patch32"
    for task in suite(8):
        own = library.task(task.id)
        assert own.classes == task.classes and own.source == task.expert_repository("ViT-B-32")
        assert len(library.examples(task.id, "test")) == 6  # no corrupted copies among them
        library.check_task(task.id, ("calibration", "labelled", "test"))
        library.task_vector(task.id)


def test_a_suite_that_was_broken_off_goes_on_and_what_is_missing_is_named(cache: Hub, tmp_path: Path):
    root, gone = tmp_path / "library", suite(8)[3]
    kept = cache.repository(gone.data, "dataset").rename(tmp_path / "kept")
    with pytest.raises(InputError) as caught:
        pull(root, SUITE)
    assert is_one_sentence(str(caught.value))
    assert str(caught.value).startswith("a suite is whole: 1 of its 8 tasks are missing in ")
    assert "eurosat: the hub's tanganke/eurosat is not in its cache, and HF_HUB_OFFLINE keeps it" in str(caught.value)
    manifest = (root / "manifest.json").read_bytes()
    before = [task.id for task in open_library(str(root)).tasks]
    assert len(before) == 7 and gone.id not in before
    kept.rename(cache.repository(gone.data, "dataset"))
    library = pull(root, SUITE)
    assert len(library.tasks) == 8 and library.suites["8"] == [task.id for task in suite(8)]
    assert manifest != (root / "manifest.json").read_bytes()


def test_nothing_in_the_cache(tmp_path: Path, cache: Hub):
    shutil.rmtree(cache.root)
    for ask in (plan, pull):
        with pytest.raises(InputError, match=r"^the hub's openai/clip-vit-base-patch32 is not in its cache, and "):
            ask(tmp_path / "library", SUITE)
    assert not (tmp_path / "library").exists()


def test_a_cache_whose_links_lead_elsewhere_is_refused(cache: Hub, tmp_path: Path):
    task = suite(8)[0]
    secret = tmp_path / "secret.parquet"
    link = next((cache.repository(task.data, "dataset") / "snapshots").rglob("test-*.parquet"))
    secret.write_bytes(link.read_bytes())
    link.unlink()
    link.symlink_to(secret)
    with pytest.raises(InputError, match="links of a data set stay inside its folder"):
        pull(tmp_path / "library", SUITE)


def test_sizes_come_first_and_a_disk_without_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[str, list[str]]] = []

    def snapshot(name: str, *, repo_type: str, allow_patterns: list[str], dry_run: bool) -> list:
        asked.append((name, allow_patterns))
        file = huggingface_hub.file_download.DryRunFileInfo
        both = {"commit_hash": REVISION, "local_path": ""}
        return [
            file(filename="a", file_size=3_000_000_000, is_cached=False, will_download=True, **both),
            file(filename="b", file_size=1_000_000_000, is_cached=True, will_download=False, **both),
        ]

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    monkeypatch.setattr("otmf_core.library.making.pull.free_bytes", lambda: 200 << 30)
    planned = plan(tmp_path / "library", SUITE)
    assert planned.sentence == "51.0 GB to fetch, 17.0 GB in the hub's cache; 214.7 GB are free on its disk"
    assert (
        "ufldl-stanford/svhn",
        ["README.md", "*classnames.txt", "cropped_digits/*train*", "cropped_digits/*test*"],
    ) in asked
    assert len(asked) == len({name for name, _ in asked}) == 17
    monkeypatch.setattr("otmf_core.library.making.pull.free_bytes", lambda: 49 << 30)
    with pytest.raises(InputError, match=r"^a disk has room for what is fetched and 2 GiB more: 51\.0 GB to fetch"):
        plan(tmp_path / "library", SUITE)


def test_what_the_hub_says_is_a_sentence(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("401 Client Error\nRepository Not Found")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(InputError) as caught:
        needed(Repository("org/none", "model", ("*",)))
    assert str(caught.value).startswith("the hub must give its model org/none: ValueError: 401 Client Error Repository")


def test_progress_counts_bytes():
    heard: list[tuple[str, float]] = []
    bar = hub._bar("Fetching x", lambda text, done: heard.append((text, done)))
    with bar(total=8_000_000, unit="B", name="huggingface_hub.snapshot_download.transfer") as shown:
        shown.update(2_000_000)
    assert heard == [("Fetching x, 2 of 8 MB", 0.25)]


def test_the_hubs_data_is_listed_without_corrupted_copies(filled: Path):
    task = suite(8)[1]
    folder = Hub(filled).repository(task.data, "dataset") / "snapshots" / REVISION
    assert set(open_dataset(folder, task.config).splits) == {"train", "test"}
