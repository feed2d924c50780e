"""Statistics and slices of stored masks, whole, damaged and missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from otmf_core.errors import InputError
from otmf_core.files import write_table
from otmf_core.masks.measures import drift, share_below
from otmf_core.masks.reading import block_means, block_size, mask_steps, matrix_shape, read_block, read_statistics

SHAPES = {
    "matrix": (7, 5),
    "vector": (9,),
    "position": (1, 4, 6),
    "convolution": (6, 3, 2, 2),
    "one": (1,),
    "lead": (1, 1, 8),
}
FLAT = {
    "matrix": (7, 5),
    "vector": (1, 9),
    "position": (4, 6),
    "convolution": (6, 12),
    "one": (1, 1),
    "lead": (1, 8),
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    masks = {
        f"{side}.{name}": random.normal(1, 0.5, shape).astype(np.float16)
        for side in ("pre", "post")
        for name, shape in SHAPES.items()
    }
    (tmp_path / "steps/02").mkdir(parents=True)
    save_file(masks, tmp_path / "steps/02/masks.safetensors")
    return tmp_path


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("side", ["pre", "post"])
def test_a_slice_is_the_full_tensors_slice(run: Path, name: str, side: str):
    full = load_file(run / "steps/02/masks.safetensors")[f"{side}.{name}"].reshape(FLAT[name])
    height, width = matrix_shape(run, 2, side, name)
    assert (height, width) == FLAT[name]
    for rows in {(0, height), (height // 2, height), (0, 1)}:
        for columns in {(0, width), (width // 3, width), (width - 1, width)}:
            block = read_block(run, 2, side, name, rows, columns)
            np.testing.assert_array_equal(block, full[slice(*rows), slice(*columns)])
            assert block.dtype == np.float16


def test_slices_outside_the_matrix_or_of_no_mask_are_refused(run: Path):
    with pytest.raises(InputError, match="rows of matrix lie in 0…7, received 3 to 8"):
        read_block(run, 2, "pre", "matrix", (3, 8), (0, 5))
    with pytest.raises(InputError, match="columns of matrix lie in 0…5, received 2 to 2"):
        read_block(run, 2, "pre", "matrix", (0, 7), (2, 2))
    with pytest.raises(InputError, match=r"pre\.absent"):
        matrix_shape(run, 2, "pre", "absent")
    with pytest.raises(InputError, match=r"step 3 has no stored masks: .* is missing"):
        matrix_shape(run, 3, "pre", "matrix")


@pytest.mark.parametrize("damage", [b"", b"\x00" * 64, b"not safetensors at all"])
def test_a_damaged_mask_file_is_one_sentence(run: Path, damage: bytes):
    (run / "steps/02/masks.safetensors").write_bytes(damage)
    with pytest.raises(InputError, match="masks come as a safetensors file"):
        matrix_shape(run, 2, "pre", "matrix")


def test_a_file_cut_short_is_one_sentence(run: Path):
    path = run / "steps/02/masks.safetensors"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="masks come as a safetensors file"):
        read_block(run, 2, "pre", "matrix", (0, 7), (0, 5))


@pytest.mark.parametrize(("shape", "size"), [((6, 6), 2), ((7, 5), 3), ((1, 10), 4), ((3, 4), 1), ((2, 2), 5)])
def test_blocks_are_means_ragged_edges_and_all(shape: tuple[int, int], size: int):
    entries = np.random.default_rng(1).normal(1, 1, shape).astype(np.float16)
    rows, columns = (range(0, length, size) for length in shape)
    plain = [[entries[r : r + size, c : c + size].astype(np.float64).mean() for c in columns] for r in rows]
    np.testing.assert_allclose(block_means(entries, size), plain, rtol=1e-5)


def test_no_picture_has_more_cells_than_allowed():
    for height, width in ((3072, 768), (2304, 768), (1, 1_000_000), (500, 500), (768, 3072), (50_000, 3)):
        size = block_size(height, width, 250_000)
        assert -(-height // size) * -(-width // size) <= 250_000
        assert size == 1 or -(-height // (size - 1)) * -(-width // (size - 1)) > 250_000
    assert block_size(500, 500, 250_000) == 1


def test_statistics_of_a_real_run_are_those_of_its_masks(default: tuple[Path, list]):
    run = default[0]
    assert mask_steps(run) == [2, 3]
    stats = read_statistics(run, 3)
    masks = {name: mask.astype(np.float64) for name, mask in load_file(run / "steps/03/masks.safetensors").items()}
    for row, name in enumerate(stats.tensors):
        pre, post = masks[f"pre.{name}"], masks[f"post.{name}"]
        for own, mask in ((stats.pre, pre), (stats.post, post)):
            assert own.entries[row] == mask.size == own.histogram[row].sum()
            assert own.mean[row] == pytest.approx(mask.mean(), abs=1e-3)
            assert own.drift is not None
            assert own.drift[row] == pytest.approx(np.abs(mask - 1).mean(), abs=1e-3)
        smaller, edges = np.minimum(np.abs(pre), np.abs(post)), np.linspace(0, 4, 129)[1:-1]
        assert stats.pre.common is not None and stats.post.common is not None
        below = stats.post.common[row].cumsum()[:-1]  # counted in full precision; the masks are stored in half
        assert (below >= [(smaller < edge - 2e-3).sum() for edge in edges]).all()
        assert (below <= [(smaller < edge + 2e-3).sum() for edge in edges]).all()
        assert (stats.pre.common[row] == stats.post.common[row]).all()
    own = stats.post
    assert drift(own.histogram, own.low, own.high) == pytest.approx(own.drift, abs=0.024)
    assert (share_below(own.histogram, own.low, own.high, 100.0) == 1).all()


def table(sides: list[str], counts: int = 128, **more: list) -> dict[str, list]:
    rows = len(sides)
    figures = {name: [1.0] * rows for name in ("mean", "std", "min", "max")}
    histogram = [[1] + [0] * (counts - 1)] * rows
    return {"tensor": ["a"] * rows, "side": sides, "entries": [1] * rows, **figures, "histogram": histogram, **more}


def test_runs_from_before_overlap_was_stored_are_read(tmp_path: Path):
    write_table(tmp_path / "steps/02/mask_statistics.parquet", table(["pre", "post"]))
    stats = read_statistics(tmp_path, 2)
    assert stats.pre.common is None
    assert stats.pre.drift is None


@pytest.mark.parametrize(
    "columns", [table(["pre"]), table([]), table(["pre", "post"], counts=12), {"tensor": ["a"], "side": ["pre"]}]
)
def test_statistics_that_are_none_of_ours_are_one_sentence(tmp_path: Path, columns: dict):
    write_table(tmp_path / "steps/02/mask_statistics.parquet", columns)
    with pytest.raises(InputError, match="mask statistics come as a Parquet table with a row per tensor and side"):
        read_statistics(tmp_path, 2)


@pytest.mark.parametrize("damage", [b"", b"PAR1 and nothing else"])
def test_damaged_statistics_are_one_sentence(tmp_path: Path, damage: bytes):
    (tmp_path / "steps/02").mkdir(parents=True)
    (tmp_path / "steps/02/mask_statistics.parquet").write_bytes(damage)
    with pytest.raises(InputError, match="mask statistics come as a Parquet table"):
        read_statistics(tmp_path, 2)
