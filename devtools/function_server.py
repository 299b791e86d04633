"""Serves a function like functions-framework, and closes connections on which nothing arrives.

In the cloud, Google's front end filters those out. On this machine a tunnel passes them to the
webhook, and each can hold a file descriptor for ever, because uvicorn, which functions-framework
starts, waits for a request's header without a deadline. So headers must arrive within
`HEADER_WITHIN_S`, and beyond `MOST_WAITING` connections the oldest are closed.

    python devtools/function_server.py OPTION...     (those of functions-framework)
"""

import asyncio
import runpy
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn_worker import UvicornWorker

HEADER_WITHIN_S = 5.0
MOST_WAITING = 64


class HeaderDeadline(H11Protocol):
    """A connection with a deadline for a request's header."""

    waiting: ClassVar[dict["HeaderDeadline", asyncio.TimerHandle]] = {}
    """Oldest first."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_waiting()

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self not in self.waiting and not self.transport.is_closing():
            if len(self.waiting) >= MOST_WAITING:
                next(iter(self.waiting))._break_off()
            self.waiting[self] = self.loop.call_later(HEADER_WITHIN_S, self._break_off)

    def _break_off(self) -> None:
        self._stop_waiting()
        self.transport.abort()

    def _stop_waiting(self) -> None:
        timer = self.waiting.pop(self, None)
        if timer is not None:
            timer.cancel()


if __name__ == "__main__":
    UvicornWorker.CONFIG_KWARGS["http"] = HeaderDeadline
    runpy.run_module("functions_framework", run_name="__main__", alter_sys=True)
