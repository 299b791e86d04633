"""`talk`: serves the line and the page until Ctrl-C."""

import asyncio
import sys
import webbrowser
from pathlib import Path

from devtools.ports import listen
from devtools.processes import say
from devtools.stack import described
from devtools.talk.line import TalkLine, running_line
from devtools.talk.server import origins, serving
from ringdown.settings import SettingsReader
from ringdown_cli.command import Surroundings
from ringdown_cli.console import serving_pages

PORT = 8090


async def talk(surroundings: Surroundings) -> None:
    """Serve until cancelled.

    Raises ProcessFailed, ConfigurationError, and CannotGoOn if the port is taken.
    """
    out: Path = surroundings.out / "talk"
    # First, so that nothing has to be stopped if this fails
    with (
        listen(_port(surroundings), variable="TALK_PORT") as listener,
        listen(0, variable="TALK_PORT") as pages,
    ):
        say("Starting the parts …")
        async with (
            running_line(
                surroundings.environ,
                out,
                surroundings.now,
                framed_by=origins(listener),
            ) as line,
            serving(line, listener) as url,
            serving_pages(
                line.store, pages, surroundings.now, framed_by=origins(listener)
            ) as line.console_url,
        ):
            with described(line.stack, out):
                await _invite(line, url)
                await asyncio.Event().wait()


async def _invite(line: TalkLine, url: str) -> None:
    say(f"Open {url} in a browser on this machine to call.")
    if line.stand_in is None:
        say("You'll talk to the real model.")
    else:
        say("The model is a stand-in that knows the sentences listed on the page.")
        say("To talk to the real model, set GEMINI_API_KEY.")
    say(f"The operators' console: {line.console_url}")
    say("For the line's records and agents, run ringdown in another terminal.")
    say("Press Ctrl-C to stop.")
    if sys.stdout.isatty():
        await asyncio.to_thread(webbrowser.open, url)


def _port(surroundings: Surroundings) -> int:
    reader = SettingsReader(surroundings.environ)
    port = reader.integer("TALK_PORT", default=PORT, minimum=0, maximum=65535)
    reader.finish()
    return port
