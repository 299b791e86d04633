"""Serves the console on a socket."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


class _Quiet(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Until the process is told to stop; then what is under way is finished."""
    await uvicorn.Server(_config(app)).serve([listener])


async def serve_until_cancelled(app: ASGIApp, listener: socket.socket) -> None:
    """For a process that does more than this; closes `listener`."""
    server = _Quiet(_config(app))
    try:
        await server.serve([listener])
    finally:
        listener.close()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=5,
    )
