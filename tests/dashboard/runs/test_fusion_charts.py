"""The line that says where training did not lower the loss."""

from __future__ import annotations

import pytest

from dashboard.runs.fusion_charts import in_vain
from otmf_core.runs.view import Curve


def test_a_fusion_is_in_vain_whose_last_ten_iterations_lose_no_less_than_its_first_three():
    falls: Curve = (0.9, 0.6, 0.6, *[0.3] * 12)
    rises: Curve = (0.1, 0.2, 0.3, *[0.4] * 12)
    losses = {
        2: (falls, falls),
        3: (rises, falls),  # 2 · 0.2 + 0.7 = 1.1 → 2 · 0.4 + 0.3 = 1.1
        4: (rises, falls),  # 3 · 0.2 + 0.7 = 1.3 → 3 · 0.4 + 0.3 = 1.5
        5: (rises, falls[:-1]),  # not done
    }
    found = in_vain(losses, 15)
    assert [step for step, *_ in found] == [3, 4]
    assert found[1][1:] == pytest.approx((1.3, 1.5))
    assert in_vain(losses, 12) == []  # too short to be judged


def test_sides_that_take_turns_are_judged_by_the_iterations_they_had():
    half: Curve = (0.5, None) * 10
    none: Curve = (None,) * 20
    assert in_vain({2: (half, none)}, 20) == [(2, 0.5, 0.5)]
    assert in_vain({2: (none, none)}, 20) == []
