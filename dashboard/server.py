"""The dashboard's server: `python -m streamlit run dashboard/server.py` from the repository root.

Flags of its own follow two hyphens: `… run dashboard/server.py -- --read-only`; see sharing/settings.py. One that is
wrong, and a provider to sign in by that cannot work, ends the start with a sentence. `/metrics` says how it is.

Before it answers, it loads what every page draws with, what the first page shows of the library, and what stored runs
say of themselves; torch is not among that (see engine/warm_up.py).
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pkgutil import walk_packages

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import dashboard
from dashboard.health import METRICS, metrics
from dashboard.sharing.settings import from_command, sharing, variable
from dashboard.sharing.users import check_login
from dashboard.ui.streamlit_internals import send_packets_at_once
from otmf_core.errors import InputError
from otmf_core.library.library import list_libraries
from otmf_core.library.orders import order

HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Load ahead what the first visitor would wait for."""
    send_packets_at_once(asyncio.get_running_loop())
    for module in walk_packages(dashboard.__path__, "dashboard."):  # now, not above: their caches need the runtime
        if module.name not in ("dashboard.app", "dashboard.server") and not module.name.endswith(".page"):
            import_module(module.name)
    from dashboard.library.calibration_sheets import calibration_sheet
    from dashboard.library.geometry import BYTES_READ_UNASKED, task_geometry, vector_bytes
    from dashboard.library.samples import calibration_samples
    from dashboard.runs.loading import readable_runs

    readable_runs()
    with suppress(InputError):  # the page says what is wrong with a library
        for library in list_libraries()[:1]:
            if vector_bytes(library) <= BYTES_READ_UNASKED:
                task_geometry(str(library.root), library.manifest_hash)
            for suite in list(library.suites)[:1]:
                for task in order(library, suite):
                    if library.of_texts:
                        calibration_samples(str(library.root), library.manifest_hash, task)
                    else:
                        calibration_sheet(str(library.root), task)
    yield


def guarded(app: ASGIApp) -> ASGIApp:
    """`app` with HEADERS on every answer: no other site frames it and leads clicks to Delete, or learns an address."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await app(scope, receive, send_guarded)

    return answer


def start(arguments: list[str]) -> None:
    """Fix what this server allows for as long as it runs; ends the program where that is wrong."""
    try:
        os.environ.update(from_command(arguments, os.environ))
        os.environ[variable("login")] = "1" if check_login(sharing().closed) else "0"
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


start(sys.argv[1:])
app = st.App("app.py", lifespan=lifespan, middleware=[Middleware(guarded)], routes=[Route(METRICS, metrics)])
