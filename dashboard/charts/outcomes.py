"""How every task came out: its accuracies from the start to the end, and its stability and plasticity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

OUTCOME_COLUMNS = ["task", "pre_trained", "just_merged", "now", "individual", "plasticity", "stability"]


def outcomes(
    matrix: Sequence[Sequence[float | None] | None], tasks: Sequence[str], individual: Mapping[str, float]
) -> pd.DataFrame:
    """A row per merged task, in percent: a[0][i], a[i][i], the latest a[t][i], individual; and the two ratios.

    Plasticity is a[i][i] / individual, stability a[t][i] / a[i][i]; both are missing where their divisor is unknown or
    not above 0, and stability is missing for the task merged last.
    """
    last = max((step for step, row in enumerate(matrix) if row is not None), default=0)
    table = []
    for column, task in enumerate(tasks[:last]):
        start, merged, now = (row[column] if (row := matrix[step]) else None for step in (0, column + 1, last))
        own = individual.get(task)
        plasticity = 100 * merged / own if merged is not None and own and own > 0 else None
        stability = 100 * now / merged if now is not None and merged and merged > 0 and column + 1 < last else None
        table.append((task, start, merged, now, own, plasticity, stability))
    return pd.DataFrame(table, columns=OUTCOME_COLUMNS)
