"""The line behind the page's telephone: the parts, and the network that calls them."""

import datetime
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devtools.clips import making_clips
from devtools.gemini_stand_in import GeminiStandIn
from devtools.line_parts import line_clip_maker, running_model, running_parts
from devtools.model_wire import Heard, overheard
from devtools.stack import ROOT, Stack
from ringdown.stores import Store
from ringdown_cli.command import make_folder
from simulators.gemini_live.scenario_file import load_scenario
from simulators.twilio import TwilioNetwork

SCENARIO = ROOT / "simulators" / "scenarios" / "talk.yaml"
CALLER = "+14155550123"
NUMBER = "+14155550100"
GO_AWAY_S = 50.0  # as the service gives


class LineBusy(Exception):
    """Somebody else is on the telephone."""


class Ear:
    """Passes on what is heard of the model's sessions while somebody listens."""

    def __init__(self) -> None:
        self.listener: Callable[[Heard], None] | None = None

    def hear(self, heard: Heard) -> None:
        if self.listener is not None:
            self.listener(heard)


@dataclass(slots=True)
class TalkLine:
    """`stand_in` is None with a real model; then nobody knows what phrases it understands."""

    stack: Stack
    store: Store
    network: TwilioNetwork
    stand_in: GeminiStandIn | None
    phrases: Sequence[str]
    pages: Path
    """Where the pages of calls that are over are kept."""
    now: Callable[[], datetime.datetime]
    ear: Ear
    busy: bool = field(default=False, init=False)

    @contextmanager
    def taken(self, listener: Callable[[Heard], None]) -> Iterator[None]:
        """One call at a time: there is one telephone. Raises LineBusy."""
        if self.busy:
            raise LineBusy
        self.busy, self.ear.listener = True, listener
        try:
            yield
        finally:
            self.busy, self.ear.listener = False, None

    async def kill_handler(self, call_sid: str) -> str | None:
        """As a crash would, without a word; it is started again like any part.

        Returns the name of the handler that had the call, None if none has it yet.
        """
        record = await self.store.read_record(call_sid)
        if record is None or not record.claims:
            return None
        name = max(record.claims, key=lambda claim: claim.attempt).handler.partition("/")[0]
        for process in self.stack.processes:
            if process.command.name == name and process.pid is not None:
                os.kill(process.pid, signal.SIGKILL)
                return name
        return None

    def let_model_go_away(self) -> bool:
        """Whether there is a model that does as it is told."""
        if self.stand_in is None:
            return False
        self.stand_in.cause(do="go_away", time_left_s=GO_AWAY_S)
        return True


@asynccontextmanager
async def running_line(
    environ: Mapping[str, str], out: Path, now: Callable[[], datetime.datetime]
) -> AsyncIterator[TalkLine]:
    """Every part a process of its own; two handlers, so that one can be killed in a call.

    Raises devtools.processes.ProcessFailed.
    """
    pages = make_folder(out / "calls")
    ear = Ear()
    async with (
        running_model(environ, SCENARIO, out / "model") as model,
        overheard(model, ear.hear) as reached,
        running_parts(reached, environ, out, handlers=2) as (stack, store),
        making_clips(line_clip_maker(model), store, now),
    ):
        phrases = load_scenario(SCENARIO).phrases if model.stand_in is not None else ()
        network = TwilioNetwork(auth_token=stack.twilio_auth_token)
        yield TalkLine(
            stack=stack,
            store=store,
            network=network,
            stand_in=model.stand_in,
            phrases=phrases,
            pages=pages,
            now=now,
            ear=ear,
        )
