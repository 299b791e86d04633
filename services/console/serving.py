"""Serves the console on a socket."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

_STOPS_WITHIN_S = 5


class _Server(uvicorn.Server):
    """Leaves signals to the composition root."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: ASGIApp, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, or until cancelled; finishes requests under way first. Closes
    `listener`."""
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=_STOPS_WITHIN_S,
        )
    )
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await stop.wait()
    finally:
        server.should_exit = True
        await serving
