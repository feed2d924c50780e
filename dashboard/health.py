"""How the server is, as plain text for a container and for Prometheus: GET /metrics. It names nobody and no run."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from dashboard.engine.memory import memory_in_use
from dashboard.sharing.settings import sharing
from dashboard.state import queue, runs_folder
from otmf_core import __version__
from otmf_core.errors import InputError
from otmf_core.runs.usage import runs_bytes

METRICS = "/metrics"
KIND = "text/plain; version=0.0.4; charset=utf-8"  # of Prometheus


def metrics(request: Request) -> Response:
    """The figures, one a line; with status 503 and a sentence where the folder of runs cannot be read.

    A plain function, so that the walk over the folder keeps nobody waiting who looks at a page.
    """
    try:
        return PlainTextResponse(metrics_text(), media_type=KIND)
    except InputError:  # whose sentence names a folder, which is nobody's business here
        return PlainTextResponse("# the folder of runs cannot be read\n", status_code=503, media_type=KIND)


def metrics_text() -> str:
    """The figures in the text format of Prometheus; raises InputError where the folder of runs cannot be read."""
    statuses = [status for _, status in queue().active()]
    sizes = runs_bytes(runs_folder())
    allowed = sharing()
    figures = {
        "otmf_merges_waiting": ("Merges that wait for their turn.", statuses.count("queued")),
        "otmf_merges_running": ("Merges under way in this server.", statuses.count("running")),
        "otmf_runs": ("Run folders.", sum(not name.startswith(".") for name in sizes)),
        "otmf_runs_bytes": ("Bytes that they take on disk.", sum(sizes.values())),
        "otmf_memory_bytes": ("Memory that the server holds.", memory_in_use()),
        "otmf_read_only": ("1 where nothing can be changed.", int(allowed.read_only)),
    }
    if allowed.runs_budget is not None:
        figures["otmf_runs_budget_bytes"] = ("Bytes that runs may take.", allowed.runs_budget)
    lines = [f'# HELP otmf_info The version.\n# TYPE otmf_info gauge\notmf_info{{version="{__version__}"}} 1\n']
    for name, (about, value) in figures.items():
        lines.append(f"# HELP {name} {about}\n# TYPE {name} gauge\n{name} {value}\n")
    return "".join(lines)
