"""Estimates: work counted by hand, times made-up rates; rates taken back from made-up runs; one real measurement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from otmf_core.config import MergeConfig
from otmf_core.forecast.sizes import Sizes, sizes
from otmf_core.forecast.work import Rates, alike, extrapolate, model_bytes, pace, rates_of_runs, work
from otmf_core.library.examples import KEPT_BYTES
from otmf_core.library.library import open_library
from otmf_core.runs.folder import Run
from tests.made_runs import made_run
from tests.tiny import merge_config

SIZE = Sizes(parameters=1000, picture=12, test=(10, 20, 30), calibration=(5, 6, 7), labelled=(0, 0, 0))


def config(**fields) -> MergeConfig:
    own = (
        {"iterations": 4, "memory": 2, "views": 1, "batch_earlier": None}
        if fields.get("method", "otmf") == "otmf"
        else {}
    )
    return MergeConfig.build(**{"tasks": ("a", "b", "c"), **own, **fields})


def test_work_is_counted_step_by_step():
    done = work(config(), SIZE)
    # step 0: all tests. Step 1: own 10, row 10 + 20, teacher 5. Step 2: own 20, row 60, teacher 6. Step 3: 30, 60, 7.
    assert done.encoded == (60, 10 + 30 + 5, 20 + 60 + 6, 30 + 60 + 7)
    # decoded: tests once; calibration of the last two tasks in full, two images of the first
    assert done.decoded == (60, 5, 5 + 6, 6 + 7 + 2)
    assert done.iterations == 2 * 4


def test_iterations_count_by_their_images():
    # 16 images of the incoming task and 8 of each earlier one: 24 in the second step, 32 in the third, 48 with four
    done = work(config(batch=16, batch_earlier=8), SIZE)
    assert done.iterations == pytest.approx(4 * (24 / 48 + 32 / 48))


def test_without_memory_teachers_are_taken_again():
    done = work(config(memory=0), SIZE)
    assert done.encoded == (60, 45, 86 + 5, 97 + 6)
    assert done.decoded == (60, 5, 11, 13)


def test_experts_take_a_forward_pass_for_every_view_and_an_image_is_decoded_once():
    done = work(config(views=3), SIZE)
    assert done.encoded == (60, 40 + 3 * 5, 80 + 3 * 6, 90 + 3 * 7)
    assert done.decoded == work(config(), SIZE).decoded
    assert done.tensors == work(config(), SIZE).tensors  # views are made as they are asked for
    done = work(config(views=3, memory=0), SIZE)  # teachers of the task before, too
    assert done.encoded == (60, 40 + 3 * 5, 80 + 3 * (6 + 5), 90 + 3 * (7 + 6))


def test_methods_without_masks_read_no_images_but_tests():
    done = work(config(method="average", evaluate="all"), SIZE)
    assert done.encoded == (60, 10 + 60, 20 + 60, 30 + 60)
    assert done.decoded == (60, 0, 0, 0)
    assert done.iterations == 2  # a fusion without iterations counts as one


def test_tuned_heads_read_labelled_images():
    size = Sizes(1000, 12, (10, 20, 30), (5, 6, 7), labelled=(8, 12, 16))
    done = work(config(heads="tuned", head_fraction=0.5), size)
    # nothing after step 1, the head of task 1 after step 2, those of tasks 2 and 3 after step 3
    assert done.encoded == (60, 45, 86 + 4, 97 + 6 + 8)
    assert done.decoded == (60, 5, 11 + 8, 15 + 12 + 16)


def test_heads_tuned_at_the_end_read_labelled_images_there():
    size = Sizes(1000, 12, (10, 20, 30), (5, 6, 7), labelled=(8, 12, 16))
    done = work(config(heads="last", head_fraction=0.5), size)
    assert done.encoded == (60, 45, 86, 97 + 4 + 6 + 8)
    assert done.decoded == (60, 5, 11, 15 + 8 + 12 + 16)


def test_large_splits_are_not_kept_and_decoded_whenever_they_are_read():
    size = replace(SIZE, picture=KEPT_BYTES // 20, labelled=(22, 20, 40))  # of a split 20 images are kept, 21 are not
    done = work(config(), size)
    assert done.encoded == work(config(), SIZE).encoded
    # the third task's 30 tests: in row 2; in step 3 of the expert and in row 3
    assert done.decoded == (60, 5, 11 + 30, 15 + 30 + 30)
    assert done.tensors == model_bytes(config(), 1000) + size.picture * (10 + 20 + 15)
    # of the first pool the 11 that are chosen, the second whole, of the third 20
    assert work(config(heads="tuned", head_fraction=0.5), size).decoded == (60, 5, 41 + 11, 75 + 20 + 20)


def test_seconds_are_rates_times_work():
    rates = Rates(iteration=0.5, encode=0.01, decode=0.001, start=2.0, beside=100, source="made up")
    whole = extrapolate(config(), SIZE, rates)
    encoded, decoded = 60 + 45 + 86 + 97, 60 + 5 + 11 + 15
    assert whole.seconds == pytest.approx(2.0 + 8 * 0.5 + encoded * 0.01 + decoded * 0.001)
    assert whole.source == "made up"


@pytest.mark.parametrize(
    "update, masks",
    [("joint", 1 + 2), ("alternating", 2 + 4)],  # rates of weights and two moments; two masks, two moments of either
)
def test_memory_is_at_least_the_tensors_counted_by_hand(update: str, masks: int):
    rates = Rates(0.5, 0.01, 0.001, 2.0, beside=100, source="made up")
    whole = extrapolate(config(update=update), SIZE, rates)
    models = 1 + 1 + 1 + 1  # θ⁰, the encoder, both task vectors
    pictures = 60 + 15  # all test images, the calibration images of the last step
    assert whole.memory == 4 * 1000 * (models + masks) + 12 * pictures + 100


def finished(number: int, seconds: float, step_seconds: list[float], **fields) -> Run:
    return made_run(str(number), config(**fields), seconds=seconds, step_seconds=step_seconds, peak_memory_bytes=50_000)


def test_rates_of_a_finished_run_give_back_its_time():
    # an image takes 0.1 s, an iteration 2 s, reading 3 s
    steps = [4.5, 8.6 + 8, 9.7 + 8]
    run = finished(1, 3 + 6 + sum(steps), steps)
    rates = rates_of_runs(config(), {"1": SIZE}, [run])
    assert rates is not None
    assert (rates.iteration, rates.encode, rates.start) == pytest.approx((2.0, 0.1, 3.0))
    assert rates.source == "from 1 finished run with these settings"
    same = extrapolate(config(), SIZE, rates)
    assert same.seconds == pytest.approx(3 + 6 + sum(steps))
    assert same.memory == 50_000
    assert extrapolate(config(iterations=8), SIZE, rates).seconds == pytest.approx(same.seconds + 8 * 2.0)


def test_several_runs_give_the_median():
    runs = [
        finished(number, 3 + 6 + 30.8 + 8 * extra, [4.5, 12.6 + 4 * extra, 13.7 + 4 * extra])
        for number, extra in enumerate((0.0, 1.0, 10.0))
    ]
    rates = rates_of_runs(config(), {run.id: SIZE for run in runs}, runs)
    assert rates is not None
    assert rates.iteration == pytest.approx(2.0)
    assert rates.source == "from 3 finished runs with these settings"


def test_only_runs_with_equal_settings_count():
    run = finished(1, 40.0, [4.5, 16.6, 17.7])
    assert alike(config(alpha=0.1, seed=5, lr=0.01, iterations=9, tasks=("c", "a")), run)
    for other in (
        {"batch": 8},
        {"space": "softmax"},
        {"device": "cuda"},
        {"memory": 0},
        {"method": "average"},
        {"masks": "row"},
        {"loss": "paired"},
        {"p": 1},
        {"blur": 0.5},
        {"views": 2},
        {"batch_earlier": 6},
        {"temperature": 1.0},
        {"heads": "tuned"},
    ):
        assert not alike(config(**other), run)
    assert rates_of_runs(config(batch=8), {"1": SIZE}, [run]) is None
    for missing in ({"step_seconds": ()}, {"peak_memory_bytes": 0}):  # a run that was not measured
        assert run.record is not None
        assert not alike(config(), replace(run, record=run.record.model_copy(update=missing)))
    assert not alike(config(), replace(run, record=None))


def test_the_pace_is_that_of_the_run_and_the_methods_own():
    assert pace(config()) == pace(config(alpha=0.1, seed=5, lr=0.01, iterations=9, tasks=("c", "a")))
    assert pace(config(method="average")) == pace(config(method="average", seed=3, preset="paper"))
    assert pace(config()) != pace(config(method="average"))
    assert dict(pace(config())[5:]) == config().method.pace()  # type: ignore[misc]


def test_sizes_are_read_from_headers(tiny: Path):
    library = open_library(str(tiny))
    read = sizes(library, merge_config(tiny))
    assert read.parameters == sum(tensor.numel() for tensor in library.base().values())
    assert (read.picture, read.test, read.calibration) == (16 * 16 * 3, (24,) * 3, (24,) * 3)
    assert read.labelled == (0, 0, 0)


@pytest.mark.parametrize(
    "fields", [{}, {"update": "alternating", "memory": 0}, {"method": "average"}, {"masks": "row", "loss": "paired"}]
)
def test_a_measurement_takes_real_iterations_and_leaves_nothing(tiny: Path, tmp_path: Path, monkeypatch, fields: dict):
    from otmf_core.forecast.measure import estimate, measure

    monkeypatch.chdir(tmp_path)
    asked = merge_config(tiny, **fields)
    rates = measure(asked, open_library(str(tiny)))
    assert rates.iteration > 0
    assert min(rates.encode, rates.decode, rates.start) > 0
    assert "measured on cpu" in rates.source
    whole = estimate(asked, open_library(str(tiny)))
    assert whole.seconds > 0
    assert whole.memory >= work(asked, sizes(open_library(str(tiny)), asked)).tensors
    assert list(tmp_path.iterdir()) == []
