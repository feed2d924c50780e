"""Every metric on one matrix of three tasks, worked out by hand."""

from __future__ import annotations

import pytest

from otmf_core import metrics

MATRIX = [
    [10.0, 20.0, 40.0],  # a[0], the pre-trained model
    [80.0, 70.0, None],  # by chance better than after its own merge: no part of what can be forgotten
    [84.0, 60.0, 48.0],
    [60.0, 45.0, 90.0],  # a[3]
]
INDIVIDUAL = [100.0, 75.0, 90.0]


def test_acc_is_the_mean_of_the_last_row():
    assert metrics.acc(MATRIX) == pytest.approx((60 + 45 + 90) / 3)


def test_bwt_compares_with_the_accuracy_right_after_a_task_was_merged():
    assert metrics.bwt(MATRIX) == pytest.approx(((60 - 80) + (45 - 60)) / 2)


def test_fwt_compares_the_accuracy_right_before_a_task_is_merged_with_the_pre_trained_model():
    assert metrics.fwt(MATRIX) == pytest.approx(((70 - 20) + (48 - 40)) / 2)


def test_forgetting_is_measured_from_the_best_accuracy_since_the_merge():
    assert metrics.forgetting(MATRIX) == pytest.approx([84 - 60, 60 - 45])


def test_stability_is_the_share_kept_of_earlier_tasks():
    assert metrics.stability(MATRIX) == pytest.approx(100 * (60 / 80 + 45 / 60) / 2)


def test_plasticity_is_the_share_reached_of_each_expert():
    assert metrics.plasticity(MATRIX, INDIVIDUAL) == pytest.approx(100 * (80 / 100 + 60 / 75 + 90 / 90) / 3)


def test_normalised_acc_is_the_final_share_of_each_expert():
    assert metrics.normalised_acc(MATRIX, INDIVIDUAL) == pytest.approx(100 * (60 / 100 + 45 / 75 + 90 / 90) / 3)


@pytest.mark.parametrize("rank", [0.0, -20.0])
def test_shares_of_what_is_not_above_zero_are_none(rank: float):
    matrix = [[10.0, 20.0], [rank, 25.0], [-30.0, 90.0]]  # the first task is compared by rank, and fell
    assert metrics.stability(matrix) is None
    assert metrics.plasticity(matrix, [rank, 90.0]) is None
    assert metrics.normalised_acc(matrix, [rank, 90.0]) is None
    assert metrics.acc(matrix) == 30


def test_the_summary_holds_all_of_them():
    assert metrics.summary(MATRIX, INDIVIDUAL) == {
        "acc": pytest.approx(65.0),
        "bwt": pytest.approx(-17.5),
        "fwt": pytest.approx(29.0),
        "forgetting": pytest.approx([24.0, 15.0]),
        "stability": pytest.approx(75.0),
        "plasticity": pytest.approx(260 / 3),
        "normalised_acc": pytest.approx(220 / 3),
    }


def test_two_tasks():
    matrix = [[10.0, 20.0], [80.0, 25.0], [70.0, 90.0]]
    assert metrics.acc(matrix) == 80
    assert metrics.bwt(matrix) == -10
    assert metrics.fwt(matrix) == 5
    assert metrics.forgetting(matrix) == [10]


def test_a_share_of_nothing_is_unknown():
    matrix = [[0.0, 0.0], [0.0, 0.0], [0.0, 50.0]]
    assert metrics.stability(matrix) is None
    assert metrics.plasticity(matrix, [0.0, 50.0]) is None
    assert metrics.normalised_acc(matrix, [0.0, 50.0]) is None


@pytest.mark.parametrize(
    ("metric", "step", "task"), [("acc", 3, 1), ("bwt", 2, 1), ("fwt", 0, 2), ("forgetting", 2, 0), ("stability", 1, 0)]
)
def test_a_value_that_was_not_measured_is_never_made_up(metric: str, step: int, task: int):
    matrix = [list(row) for row in MATRIX]
    matrix[step][task] = None
    with pytest.raises(ValueError, match=f"the accuracy of task {task} after step {step} is needed"):
        getattr(metrics, metric)(matrix)


def test_spearman_is_that_of_scipy_ties_and_all():
    from scipy.stats import spearmanr

    first, second = [1.0, 2.5, 2.5, 0.0, 7.0, 3.0], [0.2, 0.2, 0.9, -1.0, 0.5, 0.5]
    expected, _ = spearmanr(first, second)
    assert metrics.spearman(first, second) == pytest.approx(expected)
    assert metrics.spearman([1, 2, 3], [5, 5, 5]) == 0.0
