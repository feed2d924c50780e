"""How fast pages switch in a browser, against the floor: a bare two-page Streamlit app with one Plotly chart.

    python -m tests.benchmarks.page_latency --runs runs [--stored 50] [--rounds 8] [--json FILE]

One finished run of `--runs` is copied `--stored` times into a folder of its own, its features taken once; the dashboard
is started on it, and the floor beside it. A switch is timed in the browser, from the click on a page's link until the
script has ended, nothing is stale, and all that lies on a screen of 1440 × 900 is drawn; `whole` is the time until what
lies below is drawn, too. First visits come first, on a fresh server, the pages after the first one once the engine has
been loaded behind it (a visit within those seconds takes longer); then warm switches through all pages in turn, the
floor's between them, so that both see the same machine; then the same while a merge runs. Needs Chromium and
Playwright. Targets: warm median at most 1.5 and p95 at most 2 times the floor's, 3 times while a merge runs, first
visits 1.5 s.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PATIENCE = 120_000  # ms
WARM_UP = 15  # seconds after the first page until dashboard/engine/warm_up.py has done its work
TAKE_FEATURES = """
import sys
from pathlib import Path
from otmf_core.analysis.features import take_features
take_features(Path(sys.argv[1]), lambda done: None)
"""
FLOOR = {
    "app.py": "import streamlit as st\n"
    "st.set_page_config(layout='wide')\n"
    "st.navigation([st.Page('text.py'), st.Page('chart.py')], position='top').run()\n",
    "text.py": "import streamlit as st\nst.title('Text')\n",
    "chart.py": "import plotly.graph_objects as go\nimport streamlit as st\nst.title('Chart')\n"
    "st.plotly_chart(go.Figure(go.Scatter(x=list(range(100)), y=[x * x for x in range(100)])))\n",
}
SCREEN = {"width": 1440, "height": 900}
READY = """
(whole) => {
  const app = document.querySelector('[data-testid=stApp]');
  const below = (part) => !whole && part.getBoundingClientRect().top >= innerHeight;
  const charts = [...document.querySelectorAll('[data-testid=stPlotlyChart]')];
  const pending = [...document.querySelectorAll('.st-key-first_screen:not([data-retained]), [data-testid=stSkeleton]')];
  return app?.getAttribute('data-test-script-state') === 'notRunning'
    && !document.querySelector('[data-testid=stMain] [data-stale=true]')
    && charts.every(chart => below(chart) || chart.querySelector('.main-svg'))
    && pending.every(below);
}
"""
SWITCH = """
([path, patience]) => new Promise((resolve, reject) => {
  const ready = READY;
  const link = [...document.querySelectorAll('header a[href]')].find(a => new URL(a.href).pathname === path);
  let screen = null;
  const began = performance.now();
  link.click();
  const look = () => {
    const now = performance.now();
    if (location.pathname === path && ready(false)) screen ??= now - began;
    if (screen !== null && ready(true)) return resolve([screen, now - began]);
    if (now - began > patience) return reject(new Error('not ready: ' + path));
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})
""".replace("READY", READY)


@contextmanager
def serving(app: str, folder: Path, runs: Path) -> Iterator[str]:
    """A Streamlit server of `app` in `folder`; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.port", str(port), "--server.headless", "true", "--server.fileWatcherType", "none"]
    command = [sys.executable, "-m", "streamlit", "run", app, *options, "--browser.gatherUsageStats", "false"]
    environment = {**os.environ, "OTMF_RUNS": str(runs)}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=quiet, stderr=quiet)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def copies(runs: Path, stored: int, into: Path) -> None:
    """Copy one finished run, the first found, `stored` times, with its features."""
    names = (f"20260101-0000{number:02d}-otmf-{number:04x}" for number in range(stored))
    for status in sorted(runs.glob("*/status.json")):
        if json.loads(status.read_text())["status"] == "done":
            first = into / next(names)
            shutil.copytree(status.parent, first)
            subprocess.run([sys.executable, "-c", TAKE_FEATURES, str(first)], cwd=ROOT, check=True)
            for name in names:
                shutil.copytree(first, into / name, copy_function=os.link)  # no gigabytes to write
            return
    raise SystemExit(f"a finished run is needed, {runs} has none")


def opened(browser: Any, address: str) -> Any:
    """A tab on the app's first page, ready."""
    page = browser.new_page(viewport=SCREEN)
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("header a[href]")
    page.wait_for_function(READY, arg=True)
    return page


def paths(page: Any) -> list[str]:
    """Paths of all pages in the navigation, in its order."""
    found = page.eval_on_selector_all("header a[href]", "links => links.map(a => new URL(a.href).pathname)")
    return list(dict.fromkeys(found))


def switch(page: Any, path: str) -> tuple[float, float]:
    """Milliseconds from the click to the first screen being there, and to the whole page."""
    screen, whole = page.evaluate(SWITCH, [path, PATIENCE])
    time.sleep(0.3)  # what the page does afterwards is not the next switch's
    return screen, whole


def rounds(page: Any, floor: Any, count: int) -> tuple[dict[str, list[float]], dict[str, list[float]], list[float]]:
    """Switches to every page in turn, to its screen and to all of it, and to the floor's chart between them."""
    screens: dict[str, list[float]] = {path: [] for path in paths(page)}
    wholes: dict[str, list[float]] = {path: [] for path in screens}
    bare, (text, chart) = [], paths(floor)
    for _ in range(count):
        for path in [*list(screens)[1:], next(iter(screens))]:
            for times, taken in zip((screens, wholes), switch(page, path), strict=True):
                times[path].append(taken)
            switch(floor, text)
            bare.append(switch(floor, chart)[0])
    return screens, wholes, bare


def summary(values: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    return median(values), quantiles(values, n=20, method="inclusive")[-1]


def report(what: str, screens: dict[str, list[float]], wholes: dict[str, list[float]], floor: list[float]) -> None:
    """Print median and p95 of the first screen and their ratios to the floor's, and the whole page's median."""
    bare = summary(floor)
    print(f"\n{what}: floor {bare[0]:.0f} ms, p95 {bare[1]:.0f} ms")
    print(f"{'page':<14}{'median':>9}{'p95':>9}{'× floor':>9}{'× p95':>8}{'whole':>10}")
    for name, values in with_all(screens).items():
        middle, high = summary(values)
        row = f"{name:<14}{middle:>6.0f} ms{high:>6.0f} ms{middle / bare[0]:>9.2f}{high / bare[1]:>8.2f}"
        print(f"{row}{median(with_all(wholes)[name]):>7.0f} ms")


def with_all(times: dict[str, list[float]]) -> dict[str, list[float]]:
    """The times of every page, and those of all pages together."""
    return {**times, "all pages": [value for values in times.values() for value in values]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="a runs folder with at least one finished run")
    parser.add_argument("--stored", type=int, default=50, help="stored runs")
    parser.add_argument("--rounds", type=int, default=8, help="switches to each page")
    parser.add_argument("--json", type=Path, help="write all times, in ms, to this file")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        bare, runs = Path(folder) / "floor", Path(folder) / "runs"
        bare.mkdir()
        for name, text in FLOOR.items():
            (bare / name).write_text(text)
        copies(options.runs, options.stored, runs)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with serving("app.py", bare, runs) as floor_address, serving("dashboard/server.py", ROOT, runs) as address:
            began = time.monotonic()
            page = opened(browser, address)
            first = {"/": 1000 * (time.monotonic() - began)}
            time.sleep(WARM_UP)
            first |= {path: switch(page, path)[0] for path in paths(page)[1:]}
            print("First visit on a fresh server (the first page from an empty tab)")
            for path, taken in first.items():
                print(f"{path:<14}{taken:>6.0f} ms", flush=True)
            began = time.monotonic()
            floor = opened(browser, floor_address)
            print(f"(The bare app's first page: {1000 * (time.monotonic() - began):.0f} ms.)", flush=True)
            for path in paths(floor):
                switch(floor, path)
            warm = rounds(page, floor, options.rounds)
            report(f"Warm switch, {options.stored} stored runs", *warm)
            switch(page, paths(page)[0])
            page.get_by_role("button", name="Run", exact=True).click()
            page.get_by_role("button", name="Pause").wait_for()
            page.get_by_text("Device: ").wait_for()
            busy = rounds(page, floor, options.rounds)
            switch(page, paths(page)[0])
            if not page.get_by_role("button", name="Pause").count():
                print("\nThe merge ended before the last switches: take fewer rounds.")
        browser.close()
    report("Warm switch while a merge runs, against the floor without one", *busy[:2], warm[2])
    print(f"(The floor beside the merge: {summary(busy[2])[0]:.0f} ms, p95 {summary(busy[2])[1]:.0f} ms.)")
    if options.json:
        names = ("screen", "whole", "floor")
        everything = {
            "first": first,
            "warm": dict(zip(names, warm, strict=True)),
            "merging": dict(zip(names, busy, strict=True)),
        }
        options.json.write_text(json.dumps(everything, indent=1))


if __name__ == "__main__":
    main()
