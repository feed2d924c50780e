"""Tricks with Streamlit: its server sends small packets at once."""

from __future__ import annotations

import asyncio
import socket

from dashboard.ui.streamlit_internals import send_packets_at_once


class Noting(asyncio.Protocol):
    """Notes whether its connection sends small packets at once."""

    def __init__(self, noted: asyncio.Future[int]) -> None:
        self.noted = noted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        accepted = transport.get_extra_info("socket")
        self.noted.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        transport.close()


def test_a_connection_waits_for_no_acknowledgement():
    async def accepted() -> int:
        loop = asyncio.get_running_loop()
        send_packets_at_once(loop)
        noted: asyncio.Future[int] = loop.create_future()
        with socket.socket(family=socket.AF_INET) as bound:  # as Streamlit binds it, without a protocol
            bound.bind(("127.0.0.1", 0))
            async with await loop.create_server(lambda: Noting(noted), sock=bound):
                _, writer = await asyncio.open_connection(*bound.getsockname())
                value = await asyncio.wait_for(noted, 10)
                writer.close()
                return value

    assert asyncio.run(accepted()) == 1
