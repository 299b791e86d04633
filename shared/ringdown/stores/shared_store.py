"""One open store for all requests of a function."""

import asyncio

from ringdown.stores import Store, open_store


class SharedStore:
    """Opens the store on first use, and closes it when the event loop ends.

    The platform tells a function neither that it starts nor that it stops. So one task, outside any
    TaskGroup, holds the store open; whoever ends the loop cancels it (`asyncio.run` does).
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: asyncio.Future[Store] | None = None
        self._keeper: asyncio.Task[None] | None = None  # keeps the task from being collected

    async def get(self) -> Store:
        """The open store; raises what opening it raises, and then tries anew next time."""
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._keeper = asyncio.create_task(self._keep_open(self._opened))
        return await asyncio.shield(self._opened)

    async def _keep_open(self, opened: asyncio.Future[Store]) -> None:
        try:
            async with open_store(self._url) as store:
                opened.set_result(store)
                await asyncio.get_running_loop().create_future()
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for the store
            if not opened.done():
                opened.set_exception(error)
        finally:
            self._opened = None
