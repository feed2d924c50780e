"""How every task came out: its accuracies from the start to the end, and its stability and plasticity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

COLUMNS = ["task", "pre_trained", "just_merged", "now", "individual", "plasticity", "stability"]


def outcomes(
    matrix: Sequence[Sequence[float | None] | None], tasks: Sequence[str], individual: Mapping[str, float]
) -> pd.DataFrame:
    """A row per merged task, in percent: a[0][i], a[i][i], the latest a[t][i], individual; and the two ratios.

    Plasticity is a[i][i] / individual, stability a[t][i] / a[i][i]; both are missing where their divisor is 0 or
    unknown, and stability is missing for the task merged last.
    """
    known = [step for step, row in enumerate(matrix) if row is not None]
    last = known[-1] if known else 0
    rows = []
    for place, task in enumerate(tasks[:last]):
        start, merged, now = (matrix[step][place] if matrix[step] else None for step in (0, place + 1, last))
        best = individual.get(task)
        plasticity = 100 * merged / best if merged is not None and best else None
        stability = 100 * now / merged if now is not None and merged and place + 1 < last else None
        rows.append((task, start, merged, now, best, plasticity, stability))
    return pd.DataFrame(rows, columns=COLUMNS)
