"""Reports: one file that fetches nothing and executes two scripts, with what the runs' files say, letter by letter."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dashboard.report.building import report
from dashboard.report.button import report_or_reason
from dashboard.report.file import BEGINNING, MOST_BYTES, differences, html_file
from dashboard.report.parts import Html, Section, paragraph
from dashboard.report.sweep import swept
from dashboard.text import chart_letters
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs.events import Event
from otmf_core.runs.folder import Run, load_run
from otmf_core.runs.record import make_record
from tests.golden_runs import STOPPED, copied_runs
from tests.hostile_texts import BARE, DONE, MARK, hostile_library, hostile_runs
from tests.made_runs import end_of
from tests.tiny import TASKS, is_one_sentence, merge_config

Default = tuple[Path, list[Event]]


class Page(HTMLParser):
    """A report as a browser takes it: its elements with their attributes, its scripts, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.data, self.text = "", ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    @property
    def figures(self) -> list[dict[str, Any]]:
        return json.loads(self.scripts[0])

    @property
    def policy(self) -> str:
        return next(own["content"] or "" for tag, own in self.elements if "http-equiv" in own)


def figure_titles(page: Page) -> list[str]:
    return [own["aria-label"] or "" for _, own in page.elements if own.get("class") == "chart"]


def ended(name: str, library: str = "tiny", **settings: Any) -> Run:
    """A finished run of three tasks, of figures alone, whose accuracy follows from its name's length."""
    config = MergeConfig.build(**{"tasks": TASKS, "library": library, **settings})
    state = end_of(config).model_copy(update={"library": "0" * 64})
    last = tuple(80.0 - len(name) - task for task in range(3))
    state = state.model_copy(update={"matrix": (*state.matrix[:-1], last)})
    record = make_record(name, "done", config, state, "2026-01-01T00:00:00.000+00:00", {"torch": "9.9"})
    return Run(name, Path(name), "done", "", "2026-01-01T00:00:00.000+00:00", config, state, record)


def test_a_run_is_reported_with_its_protocol_figures_settings_and_command(default: Default):
    run = load_run(default[0])
    made = report([run])
    page = Page(made.html)
    assert made.name == "run-report.html" and made.html.startswith(BEGINNING)
    assert len(made.html.encode()) < MOST_BYTES
    assert run.record and run.record.acc is not None and f"{run.record.acc:.1f}%" in page.text
    for said in ("unlabelled images", "train", "Red → Green → Blue", run.state.library, run.record.versions["torch"],
                 "--tasks red,green,blue", "--iterations 4", "BWT (points)"):  # fmt: skip
        assert said in page.text, said
    titles = " ".join(figure_titles(page))
    for title in ("Accuracy matrix", "Accuracy of each task", "Where each task ended", "Transport losses", "Mean mask",
                  "Sparsity, pre", "Sparsity, post"):  # fmt: skip
        assert title in titles
    heatmap = page.figures[0]["light"]["data"][0]
    drawn = [value for row in heatmap["z"] for value in row]
    stored = [value for row in run.matrix for value in row]
    assert [value is None for value in drawn] == [value is None for value in stored]
    assert [value for value in drawn if value is not None] == pytest.approx(
        [value for value in stored if value is not None], rel=1e-5
    )


def test_the_same_run_gives_the_same_bytes(default: Default):
    assert report([load_run(default[0])]).html == report([load_run(default[0])]).html


def test_nothing_is_fetched_and_nothing_else_executes(default: Default):
    page = Page(report([load_run(default[0])]).html)
    data, *scripts = page.scripts
    kinds = [own.get("type") for tag, own in page.elements if tag == "script"]
    assert kinds == ["application/json", None, None]
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.findall(r"'sha256-([^']+)'", page.policy) == hashes
    assert page.policy.startswith("default-src 'none';") and "http" not in page.policy
    assert "unsafe" not in page.policy.replace("style-src 'unsafe-inline'", "")
    for tag, own in page.elements:
        assert tag not in ("img", "link", "iframe", "a", "object", "embed", "form", "base"), tag
        assert not {name for name in own if name in ("src", "href") or name.startswith("on")}, (tag, own)
    assert "<" not in data


def patched(light: Any, changes: list[Any]) -> Any:
    """What `drawing.js` makes of a figure in the dark."""
    copy = json.loads(json.dumps(light))
    for path, value in changes:
        part = copy
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value
    return copy


def test_a_dark_chart_is_the_light_one_and_what_differs():
    one = {"a": [1, {"b": 2, "c": [1, 2]}], "d": "x", "e": {"f": 1}}
    other = {"a": [1, {"b": 3, "c": [1, 2, 3]}], "d": "x", "e": {"g": 1}}
    changes = list(differences(one, other))
    assert changes == [(["a", 1, "b"], 3), (["a", 1, "c"], [1, 2, 3]), (["e"], {"g": 1})]
    assert patched(one, changes) == other


def test_texts_of_files_are_shown_letter_by_letter(tiny: Path, tmp_path: Path):
    hostile_runs(hostile_library(tiny, tmp_path / "library"), tmp_path / "runs")
    for name in (DONE, BARE):
        page = Page(report([load_run(tmp_path / "runs" / name)]).html)
        assert page.text.count(MARK) >= 3
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"b" + MARK, "img", "a", "k"} and "javascript:alert(1)" not in str(page.elements)
        strings = [text for figure in page.figures for text in leaves(figure) if MARK in text]
        assert strings and not [text for text in strings if "<b>" in text or "<a" in text]
    assert chart_letters("<b>") in page.scripts[0].replace("\\u003c", "<")


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [text for each in (value.values() if isinstance(value, dict) else value) for text in leaves(each)]
    return [value] if isinstance(value, str) else []


def test_runs_that_differ_in_one_setting_are_a_sweep():
    runs = [ended("a" * count, alpha=alpha) for count, alpha in enumerate((0.5, 0.6, 0.7), 1)]
    assert swept(runs) and not swept([*runs, ended("b", method="ties")]) and not swept(runs[:1])
    made = report(runs)
    page = Page(made.html)
    assert made.name == "sweep-alpha-report.html" and "Best ACC: α = 0.5" in page.text
    assert [title.split(",")[0] for title in figure_titles(page)] == ["Trade-off", "Quality", "Balance", "Every task"]
    assert page.text.count("python -m otmf_core merge") == 3
    quality = page.figures[1]["light"]["data"][0]
    assert quality["x"] == [0.5, 0.6, 0.7] and quality["y"] == [78.0, 77.0, 76.0]


def test_other_runs_are_a_comparison():
    orders = (TASKS, TASKS[::-1])
    runs = [ended("a" * (1 + count), tasks=order) for count, order in enumerate(orders)]
    runs += [ended("b" * (4 + count), tasks=order, method="average") for count, order in enumerate(orders)]
    made = report(runs, "otmf compare --suite 3")
    page = Page(made.html)
    assert made.name == "comparison-report.html"
    for said in ("77.5 ± 0.7", "−3.0 [", "0/0/2", "They use different labels", "2 orders of tasks",
                 "otmf compare --suite 3"):  # fmt: skip
        assert said in page.text, said
    titles = figure_titles(page)
    assert [title.split(",")[0] for title in titles][:3] == ["Against OTMF", "Time of a merge", "Along the merge"]
    assert page.text.count("python -m otmf_core merge") == 4


def one_sentence(make: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        make()
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


def test_what_cannot_be_reported_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stopped = load_run(copied_runs(tmp_path / "runs", monkeypatch) / STOPPED)
    assert "received none" in one_sentence(lambda: report([]))
    assert "is stopped" in one_sentence(lambda: report([stopped]))
    assert "of one library" in one_sentence(lambda: report([ended("a"), ended("b", library="other")]))
    assert "at most 2,000 runs" in one_sentence(lambda: report([ended("a")] * 2001))


def test_a_damaged_run_is_said_in_a_sentence(own_tiny: Path, tmp_path: Path):
    from tests.tiny import merged

    path = merged(merge_config(own_tiny), tmp_path)
    (path / "steps/03/mask_statistics.parquet").write_bytes(b"PAR1 no table")
    assert "mask_statistics.parquet" in one_sentence(lambda: report([load_run(path)]))
    page = Page(report_or_reason([load_run(path)]))
    assert page.text.strip().startswith("No reportThere is no report. Mask statistics come as") and not page.scripts


def test_a_file_that_is_too_large_is_refused():
    large = Section("Large", [paragraph("x" * MOST_BYTES)])
    assert "at most 6 MB" in one_sentence(lambda: html_file("Title", Html(""), [large]))
