"""The line behind the page's telephone: its parts, and the phone network that calls them."""

import asyncio
import datetime
import os
import secrets
import signal
import zoneinfo
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devtools.clips import making_clips
from devtools.gemini_stand_in import GeminiStandIn
from devtools.line_parts import line_clip_maker, running_model, running_parts
from devtools.model_wire import Heard, overheard
from devtools.stack import ROOT, Stack
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.check import findings
from ringdown.stores import Store
from ringdown_cli.command import make_folder
from simulators.gemini_live.scenario_file import load_scenario
from simulators.twilio import Text, TwilioNetwork

SCENARIO = ROOT / "simulators" / "scenarios" / "talk.yaml"
CALLER = "+14155550123"
NUMBER = "+14155550100"
CALLERS = {
    CALLER: "you",
    "+14155550124": "another caller",
    "+266696687": "a caller with a withheld number",  # ANONYMOUS, as Twilio sends it
}
_ACCOUNT_SID = "AC" + "5" * 32
_TEXTS_KEY = "SK" + "5" * 32 + ":of-the-stand-in"
GO_AWAY_S = 50.0  # the real service's notice
_FARTHEST = datetime.timedelta(days=366)


class NotDialled(Exception):
    """The call can't be placed as requested; the message says why."""


class LineBusy(Exception):
    """Someone else is on the telephone."""


class Ear:
    """Passes on what the model's sessions hear and say to the listener, if there is one."""

    def __init__(self) -> None:
        self.listener: Callable[[Heard], None] | None = None

    def hear(self, heard: Heard) -> None:
        if self.listener is not None:
            self.listener(heard)


@dataclass(slots=True)
class TalkLine:
    """A running line. `stand_in` is None with a real model, which understands more than `phrases`.

    `suggestions` are some of the phrases, in the order of a conversation.
    """

    stack: Stack
    store: Store
    network: TwilioNetwork
    stand_in: GeminiStandIn | None
    phrases: Sequence[str]
    suggestions: Sequence[str]
    clock: Path
    """The file that says how far ahead the line's dates are; see devtools.shifted_clock."""
    pages: Path
    """The folder with the pages of ended calls."""
    now: Callable[[], datetime.datetime]
    ear: Ear
    texts: Sequence[Text] = ()
    """The texts sent to callers so far; it grows."""
    busy: bool = field(default=False, init=False)
    console_url: str = field(default="", init=False)
    """The console's URL, once it is served."""

    @contextmanager
    def taken(self, listener: Callable[[Heard], None]) -> Iterator[None]:
        """Take the telephone, for one call at a time. Raises LineBusy."""
        if self.busy:
            raise LineBusy
        self.busy, self.ear.listener = True, listener
        try:
            yield
        finally:
            self.busy, self.ear.listener = False, None

    async def numbers(self) -> dict[str, str]:
        """The numbers that can be called, with the agent that answers."""
        return {NUMBER: DEFAULT_AGENT_ID, **await self.store.list_numbers()}

    async def set_time(self, called: str, at: str) -> None:
        """Set the line's clock to `at`, in the time zone of the agent that answers `called`. An
        empty `at` means now. Raises NotDialled."""
        ahead_s = 0.0 if not at else (await self._moment(called, at) - self.now()).total_seconds()
        await asyncio.to_thread(self.clock.write_text, f"{ahead_s:.0f}", "ascii")

    async def _moment(self, called: str, at: str) -> datetime.datetime:
        agent = await self.store.read_agent((await self.numbers()).get(called, DEFAULT_AGENT_ID))
        found = None if agent is None else findings(agent.document).agent
        zone = "UTC" if found is None else found.time_zone or "UTC"
        try:
            local = datetime.datetime.fromisoformat(at).replace(tzinfo=zoneinfo.ZoneInfo(zone))
        except ValueError:
            raise NotDialled(
                f"Can't read “{at}” as a time. Write it like 2026-11-29T20:00."
            ) from None
        if abs(local - self.now()) > _FARTHEST:
            raise NotDialled("Choose a time within a year.")
        return local

    def page_link(self, text: str) -> str:
        """Return the link to the caller's page in a text; empty if there is none."""
        page = self.stack.caller_page_local_url
        return next((word for word in text.split() if page and word.startswith(f"{page}/")), "")

    async def kill_handler(self, call_sid: str) -> str | None:
        """Kill the call's handler, as a crash would. It is restarted like any part.

        Returns the handler's name; None if no handler has the call yet.
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
        """Make the stand-in announce the end of its sessions. Returns False with a real model."""
        if self.stand_in is None:
            return False
        self.stand_in.cause(do="go_away", time_left_s=GO_AWAY_S)
        return True


def text_network() -> TwilioNetwork:
    """Make a network that accepts texts. The line needs its URL, so it is made first."""
    return TwilioNetwork(auth_token=secrets.token_hex(16), texts_key=_TEXTS_KEY)


def texting_environ(texts_url: str) -> dict[str, str]:
    """Return the environment that makes tools send texts to the network's REST API at
    `texts_url`."""
    return {
        "PHONE_NUMBERS": NUMBER,
        "TWILIO_ACCOUNT_SID": _ACCOUNT_SID,
        "TWILIO_API_KEY": _TEXTS_KEY,
        "TWILIO_API_URL": texts_url,
    }


@asynccontextmanager
async def running_line(
    environ: Mapping[str, str],
    out: Path,
    now: Callable[[], datetime.datetime],
    *,
    framed_by: Sequence[str],
) -> AsyncIterator[TalkLine]:
    """Run all parts as processes, with two handlers, so that one can be killed during a call. Pages
    of the origins in `framed_by` may show the caller's page in a frame.

    Raises devtools.processes.ProcessFailed.
    """
    pages = make_folder(out / "calls")
    ear = Ear()
    texting = text_network()
    async with (
        texting.rest_api() as texts_url,
        running_model(environ, SCENARIO, out / "model") as model,
        overheard(model, ear.hear) as reached,
        running_parts(
            reached,
            environ,
            out,
            handlers=2,
            served_tools=None,
            clock=out / "clock",
            caller_page_framed_by=framed_by,
            tool_environ=texting_environ(texts_url),
        ) as (stack, store),
        making_clips(line_clip_maker(model), store, now),
    ):
        (out / "clock").write_text("0", "ascii")
        scenario = load_scenario(SCENARIO)
        network = TwilioNetwork(auth_token=stack.twilio_auth_token)
        yield TalkLine(
            stack=stack,
            store=store,
            network=network,
            stand_in=model.stand_in,
            phrases=scenario.phrases,
            suggestions=[turn.heard[0] for turn in scenario.turns if turn.heard],
            clock=out / "clock",
            pages=pages,
            now=now,
            ear=ear,
            texts=texting.texts,
        )
