"""How rows of a grid stand: names, footings, ranks and differences by hand-computed values."""

from __future__ import annotations

from typing import Any

import pytest

from otmf_core.analysis.standings import Footing, footing, footings, is_grid, names_of, row_name, standings
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs.folder import Run
from tests.made_runs import made_run

ORDERS = (("a", "b"), ("b", "a"))


def config(method: str = "otmf", order: int = 0, **settings: Any) -> MergeConfig:
    return MergeConfig.build(tasks=ORDERS[order], method=method, **settings)


def rows_of(accuracies: dict[str, tuple[float, float]], **held: Any) -> list[Run]:
    """Runs of each method over both orders, of these ACC."""
    return [
        made_run(f"{method}-{order}", config(method, order), acc=acc, **held)
        for method, both in accuracies.items()
        for order, acc in enumerate(both)
    ]


def test_a_row_is_named_by_what_differs_from_its_preset():
    assert row_name(config()) == "OTMF"
    assert row_name(config(order=1, seed=3, library="other", device="cpu", checkpoint_seconds=1.0)) == "OTMF"
    assert row_name(config(preset="paper")) == "OTMF, paper"
    assert row_name(config(preset="paper", memory=16, head_lr=0.1)) == "OTMF, paper, memory 16"
    assert row_name(config(loss="kl", heads="tuned")) == "OTMF, loss kl, heads tuned"
    assert row_name(config("average")) == "Average"


def test_rows_that_would_share_a_name_are_numbered():
    runs = [
        made_run("one", config("average", device="cpu")),
        made_run("other", config("average")),
        made_run("same", config("average", 1)),
    ]
    assert names_of(runs) == {"one": "Average", "other": "Average (2)", "same": "Average (2)"}


def test_a_footing_is_what_is_read_and_kept():
    assert footing(made_run("a", config("average"))) == Footing("none", 0)
    assert footing(made_run("a", config(memory=16))) == Footing("calibration", 16)
    assert footing(made_run("a", config("average", heads="tuned"))) == Footing("labels", 0)
    assert footing(made_run("a", config("adamerging-joint"))) == Footing("joint", 0)
    runs = [made_run("a", config("ties-joint")), made_run("b", config()), made_run("c", config(memory=0))]
    assert footings([*runs, *runs]) == [Footing("calibration", 0), Footing("calibration", 256), Footing("joint", 0)]
    assert Footing("calibration", 64).text == "One after another, on unlabelled examples, 64 kept of each task"


def test_rows_over_orders_of_one_set_of_tasks_are_a_grid():
    runs = rows_of({"average": (1, 2), "otmf": (3, 4)})
    assert is_grid(runs)
    assert not is_grid(runs[:2]), "one row"
    assert not is_grid(runs[::2]), "one order"
    other = made_run("other", MergeConfig.build(tasks=("a", "c"), method="average"))
    assert not is_grid([*runs, other]), "two sets of tasks"


def test_ranks_hold_within_a_footing():
    runs = rows_of({"average": (60, 62), "otmf": (67, 69), "ties": (50, 52), "ties-joint": (70, 70)})
    rows, groups = standings(runs, names_of(runs))
    assert [(row["name"], row["acc"], row["rank"], row["images_kept"]) for row in rows] == [
        ("TIES, joint", 70, 1, 0),
        ("OTMF", 68, 1, 256),
        ("Average", 61, 1, 0),
        ("TIES", 51, 2, 0),
    ]
    assert [group[0].config.method.name for group in groups] == ["ties-joint", "otmf", "average", "ties"]


def test_differences_are_matched_by_order():
    runs = rows_of({"average": (60, 62), "otmf": (67, 61.95)})
    average, otmf = sorted(standings(runs, names_of(runs), "Average")[0], key=lambda row: row["acc"])
    assert average["difference"] is average["win_tie_loss"] is None
    assert otmf["differences"] == pytest.approx((7, -0.05))
    assert otmf["difference"] == pytest.approx(3.475)
    # Student's t of 97.5 % with one degree of freedom is 12.7062; the deviation of 7 and −0.05 is 4.98510
    assert (otmf["low"], otmf["high"]) == pytest.approx((3.475 - 44.7894, 3.475 + 44.7894), abs=1e-3)
    assert otmf["win_tie_loss"] == "1/1/0"


def test_the_best_is_the_reference_unless_one_is_named():
    runs = rows_of({"average": (60, 62), "ties": (50, 52)})
    assert [row["difference"] for row in standings(runs, names_of(runs))[0]] == [None, -10]
    with pytest.raises(InputError, match="the method to hold against is one of Average, TIES, received otmf"):
        standings(runs, names_of(runs), "otmf")


def test_what_a_model_grew_is_the_mean_over_its_runs():
    growth = [{"parameters": (100, 100 + more), "encode_ms": (1.0, 2.0 + more / 10)} for more in (10, 30)]
    grown = [made_run(f"m{order}", config("mingle", order), acc=60.0, growth=growth[order]) for order in (0, 1)]
    runs = [*grown, *rows_of({"average": (50, 50)})]
    mingle, average = standings(runs, names_of(runs))[0]
    assert (mingle["parameters"], mingle["encode_ms"]) == (120, 4.0)
    assert average["parameters"] is average["encode_ms"] is None


def test_accuracy_on_tasks_that_are_not_merged_is_of_before_and_after():
    runs = rows_of({"average": (60, 62)}, held_out={"c": (40.0, 50.0), "d": (20.0, 28.0)})
    ((row,), _) = standings(runs, names_of(runs))
    assert (row["held_out_before"], row["held_out"]) == (30, 39)
    ((row,), _) = standings(rows_of({"average": (60, 62)}), names_of(runs))
    assert row["held_out_before"] is None
