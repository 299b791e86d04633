"""Shares a resource between all requests of a function: the first one opens it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

KEEPER = "open once"
"""The name of the tasks that hold things open."""
_Opened = TypeVar("_Opened")


class OpenOnce(Generic[_Opened]):
    """Opens something on first use, and closes it when the event loop ends.

    The platform doesn't tell a function when it starts or stops. So one task, outside any
    TaskGroup, keeps the resource open until the loop ends and cancels the task (`asyncio.run`
    does).
    """

    def __init__(self, open: Callable[[], AbstractAsyncContextManager[_Opened]]) -> None:
        self._open = open
        self._opened: asyncio.Future[_Opened] | None = None
        self._keeper: asyncio.Task[None] | None = None  # keeps the task alive

    async def get(self) -> _Opened:
        """Return the open resource. If opening it fails, raise the error; the next call tries
        again."""
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._keeper = asyncio.create_task(self._keep_open(self._opened), name=KEEPER)
        return await asyncio.shield(self._opened)

    async def _keep_open(self, opened: "asyncio.Future[_Opened]") -> None:
        try:
            async with self._open() as it:
                opened.set_result(it)
                await asyncio.get_running_loop().create_future()
        except Exception as error:  # noqa: BLE001 - handed to the caller
            if not opened.done():
                opened.set_exception(error)
        finally:
            self._opened = None
