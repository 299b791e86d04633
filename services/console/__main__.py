"""Composition root: `python -m console`."""

import asyncio
import os
import signal
import socket
import sys

from console.desk import Desk
from console.iap import KEYS_URL, IapDoorkeeper, Keys
from console.serving import serve
from console.settings import Settings, read_settings
from console.site import console
from ringdown import clock, log
from ringdown.errors import ConfigurationError
from ringdown.stores import open_store

_log = log.Log(__name__)


async def run(settings: Settings) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_store(settings.store_url, settings.recordings) as store:
        doorkeeper = IapDoorkeeper(Keys(KEYS_URL), settings.iap_audience, store.documents)
        listener = socket.create_server((settings.host, settings.port))
        _log.info("ready", port=listener.getsockname()[1])
        await serve(console(Desk(store, clock.now), doorkeeper), listener, stop)


def main() -> int:
    log.configure(app="console")
    try:
        settings = read_settings(os.environ)
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the user at the terminal
        return 2
    asyncio.run(run(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
