"""The Masks page: empty, full, by link, damaged, and its charts by their data."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.masks.charts.tensor import mask_histogram, mask_matrix
from dashboard.charts.mask_map import MEASURES, mask_map
from otmf_core.config import MergeConfig
from otmf_core.files import write_table
from otmf_core.models.tensor_names import locate
from otmf_core.runs.folder import create_run, set_status
from tests.dashboard.pages import metrics, opener, texts

RUN = "20260101-000000-otmf-0001"
QKV = "trunk.blocks.0.attn.qkv.weight"
SHAPES = {"trunk.pos_embed": (1, 4, 8), QKV: (24, 8), "head.proj.weight": (6, 8)}


def mask_of(step: int, side: str, name: str) -> np.ndarray:
    """Pre: a quarter of the entries 0, the others 1.5. Post: step/2 everywhere. Both exact in half precision."""
    mask = np.full(SHAPES[name], step / 2 if side == "post" else 1.5, np.float16)
    if side == "pre":
        mask.reshape(-1)[: mask.size // 4] = 0
    return mask


def write_step(run: Path, step: int, recorded: bool = True) -> None:
    rows, masks = [], {}
    for side in ("pre", "post"):
        for name in SHAPES:
            masks[f"{side}.{name}"] = mask = mask_of(step, side, name)
            common = np.minimum(mask_of(step, "pre", name), mask_of(step, "post", name))
            row = {"tensor": name, "side": side, "entries": mask.size, "mean": float(mask.astype(float).mean())}
            row |= {"std": float(mask.astype(float).std()), "min": float(mask.min()), "max": float(mask.max())}
            row["histogram"] = np.histogram(mask, 128, (-2, 4))[0].tolist()
            if recorded:
                row["common"] = np.histogram(common, 128, (0, 4))[0].tolist()
                row["drift"] = float(np.abs(mask.astype(float) - 1).mean())
            rows.append(row)
    folder = run / f"steps/{step:02d}"
    write_table(folder / "mask_statistics.parquet", {key: [row[key] for row in rows] for key in rows[0]})
    save_file(masks, folder / "masks.safetensors")


@pytest.fixture
def run(engine, tmp_path: Path) -> Path:
    """A run of four tasks that was stopped after its second fusion."""
    path = tmp_path / "runs" / RUN
    config = MergeConfig.build(tasks=("red", "green", "blue", "white"), library="colours", iterations=3)
    create_run(path, config)
    set_status(path, "stopped")
    write_step(path, 2)
    write_step(path, 3)
    return path


open_page = opener("masks")


def chart(app: AppTest, index: int) -> dict:
    return json.loads(app.get("plotly_chart")[index].proto.spec)


def array(encoded) -> np.ndarray:
    """The values of a plotly array, packed or not."""
    if not isinstance(encoded, dict):
        return np.array(encoded, float)
    values = np.frombuffer(base64.b64decode(encoded["bdata"]), encoded["dtype"])
    return values.reshape([int(length) for length in encoded["shape"].split(",")]) if "shape" in encoded else values


def test_without_masks_the_page_shows_the_way(finished: list[str], app: AppTest):
    open_page(app)
    assert "Nothing to show yet" in texts(app)
    assert app.page_link[0].value == "Start a merge"


def test_the_last_fusion_is_shown_until_another_is_chosen(run: Path, app: AppTest):
    open_page(app)
    assert (app.select_slider[0].value, metrics(app)["Mean, post"]) == (3, "1.500")
    write_step(run, 4)
    app.run()
    assert app.select_slider[0].value == 4
    app.select_slider[0].set_value(2).run()
    (run / "steps/04/masks.safetensors").unlink()
    (run / "steps/04/mask_statistics.parquet").unlink()
    app.run()
    assert (app.select_slider[0].value, metrics(app)["Mean, post"]) == (2, "1.000")  # as it was chosen


def test_another_run_opens_on_its_own_last_fusion(run: Path, app: AppTest, tmp_path: Path):
    other = tmp_path / "runs" / RUN.replace("0001", "0002")
    create_run(other, MergeConfig.build(tasks=("red", "green", "blue", "white"), library="colours", iterations=3))
    for step in (2, 3, 4):
        write_step(other, step)
    open_page(app, run=RUN)
    app.selectbox(key="masks-run-choice").set_value(other.name).run()
    assert not app.exception
    assert app.select_slider[0].value == 4


def test_an_unfinished_run_shows_the_steps_it_has(run: Path, app: AppTest):
    open_page(app, run=RUN, step="2 · Green")
    assert app.select_slider[0].options == ["2 · Green", "3 · Blue"]
    values = metrics(app)
    assert values["Mean, pre"] == "1.125"  # 3/4 of 1.5
    assert values["Mean, post"] == "1.000"
    assert values["Sparsity, pre"] == "25.0%"
    assert values["Sparsity, post"] == "0.0%"
    assert values["Overlap"] == "75.0%"
    assert values["Drift, pre"] == "0.625"  # (1 + 3 · 0.5) / 4
    assert app.selectbox(key="tensor").value == QKV
    np.testing.assert_array_equal(array(chart(app, 2)["data"][0]["z"]), mask_of(2, "pre", QKV))


def test_step_side_and_threshold_move_the_numbers(run: Path, app: AppTest):
    open_page(app, run=RUN, step="2 · Green")
    app.select_slider[0].set_value(3).run()
    assert metrics(app)["Mean, post"] == "1.500"
    app.segmented_control(key="side").set_value("post").run()
    assert (array(chart(app, 2)["data"][0]["z"]) == 1.5).all()
    app.slider(key="threshold").set_value(1.6).run()
    assert metrics(app)["Sparsity, post"] == "100.0%"
    assert metrics(app)["Overlap"] == "none kept"
    app.segmented_control(key="measure").set_value("sparsity").run()
    assert not app.exception
    assert [float(text) for text in chart(app, 0)["data"][1]["text"]] == [100.0] * 3


def test_a_link_restores_step_and_tensor(run: Path, app: AppTest):
    open_page(app, run=RUN, tensor="head.proj.weight", step="3 · Blue")
    assert app.selectbox(key="tensor").value == "head.proj.weight"
    assert app.select_slider[0].value == 3
    assert app.subheader[0].value == "Head · out.weight"


def test_a_part_and_the_whole(run: Path, app: AppTest):
    open_page(app, run=RUN, step="2 · Green")
    app.slider(key=f"rows-{QKV}").set_value((2, 5)).run()
    app.slider(key=f"columns-{QKV}").set_value((1, 3)).run()
    assert not app.exception
    np.testing.assert_array_equal(array(chart(app, 2)["data"][0]["z"]), mask_of(2, "pre", QKV)[2:6, 1:4])
    next(button for button in app.button if button.label == "Whole").click().run()
    assert array(chart(app, 2)["data"][0]["z"]).shape == (24, 8)


def test_heads_are_rows_of_query_key_and_value(run: Path, app: AppTest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.app_pages.masks.reading.attention_heads", lambda config: 2)
    open_page(app)
    app.segmented_control(key=f"part-{QKV}").set_value("Key").run()
    assert app.slider(key=f"rows-{QKV}").value == (8, 15)
    app.selectbox(key=f"head-{QKV}").select(1).run()
    assert app.slider(key=f"rows-{QKV}").value == (12, 15)
    app.slider(key=f"rows-{QKV}").set_value((0, 3)).run()
    assert app.selectbox(key=f"head-{QKV}").value is None


def test_an_older_run_says_that_overlap_was_not_recorded(run: Path, app: AppTest):
    write_step(run, 3, recorded=False)
    open_page(app)
    assert metrics(app)["Overlap"] == "–"
    assert float(metrics(app)["Drift, pre"]) == pytest.approx(0.625, abs=6 / 128 / 2)  # from the histogram
    app.segmented_control(key="measure").set_value("overlap").run()
    assert "was not recorded" in app.info[0].value


@pytest.mark.parametrize("content", [b"", b"PAR1 damaged"])
def test_damaged_statistics_are_one_sentence(run: Path, app: AppTest, content: bytes):
    (run / "steps/03/mask_statistics.parquet").write_bytes(content)
    open_page(app)
    assert "Mask statistics come as a Parquet table" in app.error[0].value


@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_damaged_masks_leave_the_statistics_standing(run: Path, app: AppTest, content: bytes | None):
    path = run / "steps/03/masks.safetensors"
    path.unlink() if content is None else path.write_bytes(content)
    open_page(app)
    assert len(app.error) == 1
    assert len(app.get("plotly_chart")) == 2


def test_the_map_has_every_tensor_in_its_cell():
    names = ["trunk.blocks.1.attn.qkv.weight", "trunk.blocks.0.attn.qkv.weight", "trunk.blocks.0.mlp.fc1.bias"]
    chart: Any = mask_map(locate(names), [0.5, 1.5, 1.0], MEASURES["mean"], names[2])
    heat, points = chart.data
    assert chart.layout.yaxis.ticktext == ("Block 0", "Block 1")
    assert chart.layout.xaxis.ticktext == ("qkv.weight", "fc1.bias")
    assert [list(row) for row in heat.z] == [[1.5, 1.0], [0.5, None]]
    assert (heat.zmin, heat.zmax) == (0.5, 1.5)
    assert [point[0] for point in points.customdata] == names
    (outline,) = (shape for shape in chart.layout.shapes if shape.type == "rect")
    assert (outline.x0, outline.y0) == (0.5, -0.5)


def test_shares_are_in_percent_and_what_is_undefined_is_a_dash():
    names = ["trunk.blocks.0.norm1.weight", "trunk.blocks.0.norm1.bias"]
    chart: Any = mask_map(locate(names), [0.123, float("nan")], MEASURES["sparsity"], names[0])
    assert list(chart.data[0].z[0]) == [pytest.approx(12.3), None]
    assert list(chart.data[1].text) == ["12", "–"]


@pytest.mark.parametrize(
    ("measure", "value", "cell", "hover"),
    [
        ("mean", 1.0034, "1.003", "1.0034"),
        ("mean", 1.234, "1.23", "1.234"),
        ("drift", 0.0624, "0.062", "0.0624"),
        ("drift", 0.624, "0.62", "0.624"),
        ("sparsity", 0.0123, "1.2", "1.23%"),
    ],
)
def test_cells_have_the_decimals_that_their_colours_tell_apart(measure: str, value: float, cell: str, hover: str):
    names = ["trunk.blocks.0.norm1.weight"]
    chart: Any = mask_map(locate(names), [value], MEASURES[measure], names[0])
    assert list(chart.data[1].text) == [cell]
    assert chart.data[1].customdata[0][3] == hover


def test_the_histogram_is_of_shares():
    chart: Any = mask_histogram([0] * 64 + [3, 1] + [0] * 62, [4] + [0] * 127)
    assert chart.data[0].x[64] == pytest.approx(1.0)
    assert list(chart.data[0].y[64:66]) == [75.0, 25.0]
    assert chart.data[1].y[0] == 100.0
    assert chart.layout.xaxis.range[0] < -2
    assert 1.09 < chart.layout.xaxis.range[1] < 1.3  # the last entries end at 1.09375


def test_the_matrix_axes_count_the_whole_matrix():
    chart: Any = mask_matrix(np.ones((3, 2), np.float32), (10, 40), 4)
    heat = chart.data[0]
    assert (heat.y0, heat.dy, heat.x0, heat.dx) == (11.5, 4, 41.5, 4)
    assert tuple(chart.layout.yaxis.range) == (21.5, 9.5)
    assert tuple(chart.layout.xaxis.range) == (39.5, 47.5)
