"""The dashboard's server: `python -m streamlit run dashboard/server.py` from the repository root.

Before it answers, it loads what every page draws with, what the first page shows of the library, and what stored runs
say of themselves; torch is not among that (see warm_up.py).
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import streamlit as st

import dashboard
from otmf_core.errors import InputError
from otmf_core.library.library import list_libraries, order


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    _send_at_once(asyncio.get_running_loop())
    for module in walk_packages(dashboard.__path__, "dashboard."):  # now, not above: their caches need the runtime
        if module.name not in ("dashboard.app", "dashboard.server") and not module.name.endswith(".page"):
            import_module(module.name)
    from dashboard.library.geometry import AT_ONCE, task_geometry, vector_bytes
    from dashboard.library.sheets import sheet
    from dashboard.runs.loading import readable_runs

    readable_runs()

    with suppress(InputError):  # the page says what is wrong with a library
        for library in list_libraries()[:1]:
            if vector_bytes(library) <= AT_ONCE:
                task_geometry(str(library.root), library.manifest_hash)
            for suite in list(library.suites)[:1]:
                for task in order(library, suite):
                    sheet(str(library.root), task)
    yield


def _send_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """Have the server's connections send small packets at once, which otherwise wait 40 ms for the one before.

    asyncio sees to that, but not for a socket bound as Streamlit binds it (uvicorn issue 3149). The loop makes its
    server after the lifespan has begun, and connections inherit the option.
    """
    create = loop.create_server

    async def create_server(*arguments: Any, **options: Any) -> asyncio.Server:
        bound = options.get("sock")
        if bound and bound.family in (socket.AF_INET, socket.AF_INET6):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return await create(*arguments, **options)

    loop.create_server = create_server


app = st.App("app.py", lifespan=lifespan)
