"""A short campaign of kills; the long one is `python -m tests.benchmarks.kills --count 100 --sweep`."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks import kills


def test_what_is_killed_is_whole_goes_on_to_the_same_bits_or_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["kills", "--count", "4", "--seed", "7", "--sweep", "--every", "41"])
    with pytest.raises(SystemExit) as end:
        kills.main()
    said = capsys.readouterr().out
    assert end.value.code == 0, said
    assert "identical" in said
