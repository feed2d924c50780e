"""Texts from a stranger's library, run and link: on every page letter by letter, and nothing is fetched or framed."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from otmf_core.runs.folder import set_notes, set_status
from tests.browser.conftest import PATIENCE
from tests.tiny import merge_config, merged, write_library

pytestmark = pytest.mark.browser

FOREIGN = "foreign.example"
HOSTILE = (
    f"![x](http://{FOREIGN}/t.png) **b** _i_ `c` $x^2$ :smile: :red[r] :material/home: -> --  http://{FOREIGN}/ "
    f"<img src=http://{FOREIGN}/i.png> <b>h</b> [l](javascript:alert(1)) &lt; ~~s~~ www.{FOREIGN} a@{FOREIGN}"
)
NAME = f"![x](http://{FOREIGN}/n.png) **b** :red[r] <b>h</b> $x$ http://{FOREIGN}/"
ORDINARY = ["don't know", "a_b_c", "C# & R&D: $5 <b>"]


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, str]:
    """A library whose every text is hostile, and the id of a finished run on it."""
    root = write_library(tmp_path / "library")
    manifest = json.loads((root / "manifest.json").read_text())
    manifest |= {"name": NAME, "description": HOSTILE}
    for task in manifest["tasks"]:
        task |= {"name": NAME, "classes": ORDINARY, "licence": HOSTILE, "train_source": HOSTILE}
    manifest["tasks"][1]["classes"] = [HOSTILE, "1. item", "# heading"]
    (root / "manifest.json").write_text(json.dumps(manifest))
    run = merged(merge_config(root), tmp_path / "runs", "20260101-000000-otmf-0001")
    set_notes(run, HOSTILE[:80], HOSTILE)
    failed = merged(merge_config(root, method="average"), tmp_path / "runs", "20260101-000000-otmf-0002")
    set_status(failed, "failed", HOSTILE)
    return root, run.name


def test_foreign_texts_stand_letter_by_letter_and_nothing_is_fetched(hostile, server: str, context):
    root, run = hostile
    reached: list[str] = []
    context.on("request", lambda request: reached.append(request.url))
    page = context.new_page()
    library, asked = quote(str(root)), quote(f"![x](http://{FOREIGN}/q.png)")
    for address in (
        f"/?library={library}",
        f"/?run={run}",
        f"/accuracy?run={run}",
        f"/masks?run={run}",
        f"/features?run={run}",
        f"/compare?runs={run}",
        f"/try_it?run={run}",
        f"/library?library={library}",
        f"/library?library={library}&task=green",
        f"/runs?run={run}",
        "/runs?run=20260101-000000-otmf-0002",
        f"/accuracy?run={asked}",
        f"/library?task={asked}",
        f"/library?library={asked}",
        f"/alpha?sequence={asked}",
    ):
        page.goto(server + address, timeout=PATIENCE)
        page.wait_for_function("!document.querySelector('[data-stale=true]')", timeout=PATIENCE)
        page.wait_for_selector('[data-testid="stMainBlockContainer"] >> text=/./', timeout=PATIENCE)
        page.wait_for_timeout(1500)
        made = page.evaluate(
            """() => [...document.querySelectorAll('img, a, b, strong, em, del, code, .katex')].map(each => {
                const address = each.src || each.href;
                return `${each.tagName} ${address ? new URL(address).host : each.textContent.trim()}`;
            })"""
        )
        assert not {f"IMG {FOREIGN}", f"A {FOREIGN}", "B h", "STRONG b", "EM i", "CODE c", "DEL s"} & {*made}, address
        assert not page.query_selector("[data-testid=stException]"), address
        if address.startswith("/library?library=") and asked not in address:
            said = page.inner_text('[data-testid="stMainBlockContainer"]').replace("\u2060", "")
            assert " ".join(HOSTILE.split()) in " ".join(said.split()), address
            if address.endswith("green"):
                assert "1. item, # heading" in said
            else:
                assert "don't know, a_b_c, C# & R&D: $5 <b>" in said
    assert not [url for url in reached if "127.0.0.1" not in url and not url.startswith(("data:", "blob:"))]


def test_the_app_cannot_be_framed(server: str, context):
    page = context.new_page()
    answer = page.goto(server, timeout=PATIENCE)
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    page.wait_for_selector("text=Run", timeout=PATIENCE)
