"""The Compose file: what it sets is known to the server, and what it asks for is there."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from dashboard.health import METRICS
from dashboard.sharing.settings import RULES, from_command, variable
from tests.tiny import ROOT


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["otmf"]


def test_every_setting_of_a_server_can_be_set_and_its_default_is_right(service: dict[str, Any]):
    assert set(service["environment"]) == {variable(name) for name in RULES}
    defaults = {name: text.split(":-")[1].rstrip("}") for name, text in service["environment"].items()}
    from_command([], defaults)  # raises where one is wrong


def test_runs_and_libraries_outlive_the_container(service: dict[str, Any]):
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for volume in service["volumes"]:
        assert volume.split(":")[1] in dockerfile, volume


def test_it_is_limited_watched_and_not_open_to_the_network(service: dict[str, Any]):
    assert {"mem_limit", "cpus", "pids_limit"} <= service.keys()
    assert METRICS in service["healthcheck"]["test"][-1]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
