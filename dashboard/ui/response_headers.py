"""Headers of every response: no other site may frame this one and lead clicks in it, and no type is guessed at."""

from __future__ import annotations

from typing import Any

HEADERS = [
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class ResponseHeaders:
    """ASGI middleware that adds HEADERS to what has none of that name."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", []))
                names = {name.lower() for name, _ in own}
                message = {**message, "headers": own + [header for header in HEADERS if header[0] not in names]}
            await send(message)

        await self.app(scope, receive, send_with_headers)
