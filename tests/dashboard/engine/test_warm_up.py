"""What the server loads behind its first page."""

from __future__ import annotations

import subprocess
import sys

from tests.tiny import ROOT

LOAD = "import sys; from dashboard.engine import warm_up; warm_up._load(); print(*sorted(sys.modules))"


def test_a_first_answer_finds_torch_and_open_clip_loaded():
    done = subprocess.run([sys.executable, "-c", LOAD], cwd=ROOT, capture_output=True, text=True)
    assert {"torch", "open_clip", "geomloss"} <= set(done.stdout.split()), done.stderr
