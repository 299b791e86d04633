"""`ringdown console`: serves the console's pages on this machine."""

import argparse
import asyncio
import getpass
import os
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from ringdown.clock import Now
from ringdown.stores import Store
from ringdown_cli.command import DONE, CannotGoOn, Commands, Surroundings, add_command
from ringdown_cli.store_choice import chosen_store

HOST = "127.0.0.1"
PORT = 8092


def add_console_command(commands: Commands) -> None:
    parser = add_command(
        commands,
        "console",
        serve_console,
        "open the console in your browser: calls, agents, numbers, callers, costs",
        examples=("console", "console --port 0"),
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"default: {PORT}; 0 picks a free port"
    )


async def serve_console(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    """Serve the console until Ctrl-C."""
    with _listen(arguments.port) as listener:
        async with (
            chosen_store(arguments.store, surroundings) as store,
            serving_pages(store, listener, surroundings.now) as url,
        ):
            surroundings.terminal.say(f"The console is at {url}\nPress Ctrl-C to stop.")
            if sys.stdout.isatty():
                await asyncio.to_thread(webbrowser.open, url)
            await asyncio.Event().wait()
    return DONE


@asynccontextmanager
async def serving_pages(
    store: Store, listener: socket.socket, now: Now, framed_by: Collection[str] = ()
) -> AsyncIterator[str]:
    """Serve the pages on `listener`, which it closes at the end. Yields their URL.

    Pages of the origins `framed_by` may show them in a frame.
    """
    from console.desk import Desk  # takes a second to import
    from console.serving import serve
    from console.site import console
    from console.this_machine import LocalDoorkeeper

    port, stop = listener.getsockname()[1], asyncio.Event()
    hosts = [f"{name}:{port}" for name in (HOST, "localhost")]
    pages = console(Desk(store, now), LocalDoorkeeper(_person(), hosts), framed_by)
    serving = asyncio.create_task(serve(pages, listener, stop))
    try:
        yield f"http://{HOST}:{port}/"
    finally:
        stop.set()
        await serving


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        raise CannotGoOn(
            f"Can't listen on port {port}: {reason}.\n"
            "Choose another port: ringdown console --port 0"
        ) from None


def _person() -> str:
    """Return the name to show in agents' history."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "someone at this machine"
