"""Wakes the stream handler while the phone rings, so that two cold starts don't add up."""

import asyncio

import httpx2

from ringdown.log import Log

READY_WITHIN_S = 4.0
REQUEST_LEAVES_WITHIN_S = 0.25
_RETRY_S = 0.2
_REQUEST_SENT = "send_request_body.complete"  # httpcore's name, after "http11." or "http2."

_log = Log("incoming_call.handler_wake_up")


class HandlerWakeUp:
    """Wakes the stream handler in the background, until it is ready or READY_WITHIN_S is over."""

    def __init__(
        self, http: httpx2.AsyncClient, ready_url: str, background: asyncio.TaskGroup
    ) -> None:
        self._http = http
        self._ready_url = ready_url
        self._requested = asyncio.Event()
        self._task = background.create_task(self._run())

    async def requested(self, *, within_s: float) -> None:
        """Wait until the first request is sent, which makes the platform start an instance."""
        try:
            async with asyncio.timeout(within_s):
                await self._requested.wait()
        except TimeoutError:
            _log.warning("wake-up request not sent in time")

    async def finished(self) -> None:
        """Wait until the handler is ready, or READY_WITHIN_S is over."""
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while True:
                    if await self._is_ready():
                        return
                    await asyncio.sleep(_RETRY_S)
        except TimeoutError:
            _log.warning("stream handler is not ready", waited_s=READY_WITHIN_S)
        except Exception:  # noqa: BLE001 - the boundary: other calls' wake-ups share the TaskGroup
            _log.exception("wake-up failed")

    async def _is_ready(self) -> bool:
        try:
            response = await self._http.get(self._ready_url, extensions={"trace": self._trace})
        except httpx2.TransportError:
            return False
        return response.is_success

    async def _trace(self, event: str, _info: object) -> None:
        if event.endswith(_REQUEST_SENT):
            self._requested.set()
