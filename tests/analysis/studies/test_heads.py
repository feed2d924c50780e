"""Head tuning against transport between logits, by hand-computed differences."""

from __future__ import annotations

from otmf_core.analysis.studies.heads import HEADS_STUDY, kind
from otmf_core.runs.folder import Run
from tests.made_runs import made_run

ORDERS = (("a", "b"), ("b", "a"))
ACC = {
    ("features", "none", 0): (50.0, 52.0),
    ("features", "tuned", 0): (58.0, 62.0),
    ("logits", "none", 0): (53.0, 55.0),
    ("logits", "tuned", 0): (60.0, 60.0),
    ("features", "none", 64): (60.0, 60.0),
    ("features", "tuned", 64): (63.0, 65.0),
    ("logits", "none", 64): (61.0, 59.0),
    ("logits", "tuned", 64): (64.0, 64.0),
}


KINDS = [(space, heads, kept) for kept in (0, 64) for space in ("features", "logits") for heads in ("none", "tuned")]


def study_runs() -> list[Run]:
    configs = HEADS_STUDY.configs(ORDERS, {})
    assert [kind(config) for config in configs] == 2 * list(KINDS)
    return [
        made_run(str(k), config, acc=ACC[kind(config)][ORDERS.index(config.tasks)]) for k, config in enumerate(configs)
    ]


def test_gains_are_over_features_with_frozen_heads_at_the_same_memory():
    found = HEADS_STUDY.found(study_runs(), ())
    assert [(row["memory"], row["name"], row["acc"], row["difference"]) for row in found.rows] == [
        (0, "features, heads none", 51.0, None),
        (0, "features, heads tuned", 60.0, 9.0),
        (0, "logits, heads none", 54.0, 3.0),
        (0, "logits, heads tuned", 60.0, 9.0),
        (64, "features, heads none", 60.0, None),
        (64, "features, heads tuned", 64.0, 4.0),
        (64, "logits, heads none", 60.0, 0.0),
        (64, "logits, heads tuned", 64.0, 4.0),
    ]
    labels = {(row["space"], row["heads"]): row["labels"] for row in found.rows}
    assert labels["logits", "none"] == "unlabelled images"
    assert labels["features", "tuned"] == "labelled heads (25%)"
    assert found.finding == (
        "Over features with frozen heads, in points of ACC: with no images kept, logits alone +3.0 [+3.0, +3.0], "
        "tuned heads alone +9.0 [−3.7, +21.7], both +9.0 [−3.7, +21.7]; with 64 images kept, logits alone +0.0 "
        "[−12.7, +12.7], tuned heads alone +4.0 [−8.7, +16.7], both +4.0 [+4.0, +4.0]."
    )
    assert len(found.finding) <= 400
