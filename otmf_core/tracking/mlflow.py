"""Runs for MLflow: in the store that the user's environment names, else in one of files."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from otmf_core.errors import InputError
from otmf_core.tracking.base import End, Opening, Outcome, Points, cause, check_folder, needs

EXPERIMENT = "OTMF"
STATUSES: dict[End, str] = {"done": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
VALUE_LENGTH = 500  # characters of a parameter, which every store takes
AT_ONCE, PARAMETERS_AT_ONCE = 1000, 100  # that a batch may have
NOT_A_KEY = re.compile(r"[^\w .:/-]")  # what no store takes in the name of a metric
USUAL = {  # where the user's environment does not say otherwise
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would call its maker
    "MLFLOW_ALLOW_FILE_STORE": "true",  # which needs no data base
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a server that is gone shall not hold up a merge for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def check(folder: Path) -> None:
    """Raise InputError unless the package is there and its store answers, a local one by being written to."""
    needs("mlflow", "mlflow")
    if not _named():
        return check_folder(folder)
    try:
        _client(folder).search_experiments(max_results=1)
    except Exception as error:  # of whatever store, and of its network
        raise InputError(f"tracking by mlflow needs its store to answer: {cause(error)}") from None
    return None


def open_tracker(opening: Opening) -> MlflowRun:
    """A tracked run of the experiment OTMF: a new one, or that of an earlier part where the store has it."""
    from mlflow.entities import Param
    from mlflow.exceptions import MlflowException

    client = _client(opening.folder)
    if opening.previous:
        try:
            client.update_run(opening.previous, status="RUNNING")
            return MlflowRun(client, opening.previous, True)
        except MlflowException:  # another store, or deleted there
            pass
    found = client.get_experiment_by_name(EXPERIMENT)
    experiment = found.experiment_id if found else client.create_experiment(EXPERIMENT)
    run = client.create_run(experiment, run_name=opening.run).info.run_id
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in opening.settings.items()}
    parameters = iter([Param(name, text[:VALUE_LENGTH]) for name, text in texts.items()])
    while some := list(islice(parameters, PARAMETERS_AT_ONCE)):
        client.log_batch(run, params=some)
    client.log_dict(run, dict(opening.settings), "settings.json")
    return MlflowRun(client, run, False)


class MlflowRun:
    """A run of a store; nothing of MLflow's own present run, which a notebook may have, is touched."""

    def __init__(self, client: Any, run: str, resumed: bool) -> None:
        self.id, self.resumed = run, resumed
        self._client = client

    def write(self, points: Sequence[Points]) -> None:
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        metrics = iter(
            [
                Metric(NOT_A_KEY.sub("_", name), value, now, each.at)
                for each in points
                for name, value in each.values.items()
            ]
        )
        while some := list(islice(metrics, AT_ONCE)):
            self._client.log_batch(self.id, metrics=some)

    def finish(self, outcome: Outcome) -> None:
        from PIL import Image

        table = io.StringIO()
        csv.writer(table).writerows([["step", *outcome.tasks], *outcome.rows()])
        self._client.log_text(self.id, table.getvalue(), "accuracy_matrix.csv")
        self._client.log_image(self.id, Image.fromarray(outcome.picture), "accuracy_matrix.png")
        self._client.log_text(self.id, outcome.card, "model_card.md")

    def close(self, end: End) -> None:
        self._client.set_terminated(self.id, STATUSES[end])


def _named() -> str | None:
    """The store that the user's environment names."""
    return os.environ.get("MLFLOW_TRACKING_URI")


def _client(folder: Path) -> Any:
    for name, value in USUAL.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    return MlflowClient(_named() or folder.resolve().as_uri())
