"""Tricks that hang on Streamlit's insides, as seen in version 1.67; look here first after an update.

Beside what stands in this file:

- `streamlit_internals.css`: the class `stMainBlockContainer` and its padding, the attribute `data-retained` of a
  component that the script no longer draws, the `st-key-…` class around an element with a key, and `stTopNavLink`, a
  page in the navigation: its icon, then its name.
- `layout.css`: the class `stColumn`.
- `theme.js`: `--st-background-color`, a component's own copy of the page's colour, changes without a run of the script.
- `dashboard/app_pages/features/motion.js`: `calcdata`, `_fullLayout`, and the axes' `_offset` and `d2p` of Plotly.js 3,
  which Streamlit brings along, in an element with the class `js-plotly-plot`.
- `dashboard/charts/look.py`: what makes Plotly draw a chart again that Streamlit hands it twice.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")

# An attribute of the app's outermost element, and its value while no script runs.
SCRIPT_STATE = {"attribute": "data-test-script-state", "idle": "notRunning"}


def send_packets_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """Have the connections of a server that `loop` makes from now on send small packets at once.

    They would wait 40 ms for the packet before. asyncio sees to that, but not for a socket bound as Streamlit binds it
    (uvicorn issue 3149). The loop makes its server after the lifespan has begun, and connections inherit the option.
    """
    create = loop.create_server

    async def create_server(*arguments: Any, **options: Any) -> asyncio.Server:
        server_socket = options.get("sock")
        if server_socket and server_socket.family in (socket.AF_INET, socket.AF_INET6):
            server_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return await create(*arguments, **options)

    loop.create_server = create_server
