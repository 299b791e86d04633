"""`talk`: the line and the page, until Ctrl-C."""

import asyncio
import os
import socket
import sys
import webbrowser
from pathlib import Path

from ops.command import DONE, CannotGoOn, Surroundings
from ops.processes import say
from ops.talk.line import TalkLine, running_line
from ops.talk.server import HOST, listening, serving
from ringdown.settings import SettingsReader

PORT = 8090


async def talk(surroundings: Surroundings, stop: asyncio.Event) -> int:
    """Raises ProcessFailed, ConfigurationError, and CannotGoOn if the port is taken."""
    out: Path = surroundings.out / "talk"
    with _listener(_port(surroundings)) as listener:
        say("Starting the parts …")
        async with (
            running_line(surroundings.environ, out, surroundings.now) as line,
            serving(line, listener) as url,
        ):
            await _until(stop, line, url)
    return DONE


async def _until(stop: asyncio.Event, line: TalkLine, url: str) -> None:
    say(f"Open {url} in a browser on this machine, and dial.")
    if line.stand_in is None:
        say("The model is the real one.")
    else:
        say("The model is a stand-in that knows the sentences listed on the page.")
        say("Set GEMINI_API_KEY to talk to the real one.")
    say("Press Ctrl-C to stop.")
    if sys.stdout.isatty():
        await asyncio.to_thread(webbrowser.open, url)
    await stop.wait()
    say("Stopping …")


def _listener(port: int) -> socket.socket:
    """Before anything is started that would have to be stopped again."""
    try:
        return listening(port)
    except OSError as error:
        raise CannotGoOn(
            f"{HOST}:{port} cannot be listened on: {os.strerror(error.errno or 0)}."
            " Set TALK_PORT to another port."
        ) from None


def _port(surroundings: Surroundings) -> int:
    reader = SettingsReader(surroundings.environ)
    port = reader.integer("TALK_PORT", default=PORT, minimum=0, maximum=65535)
    reader.finish()
    return port
