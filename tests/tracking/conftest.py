"""Trackers without the habits of the one who runs the tests."""

from __future__ import annotations

import sys

import pytest

from tests.tracking.fake_wandb import FakeWandb


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    """The module that trackers find as wandb."""
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DIR", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return fake
