"""The line behind the page's telephone: the parts, and the network that calls them."""

import datetime
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ops.gemini_stand_in import API_KEY, GeminiStandIn, running_gemini_stand_in
from ops.processes import free_port
from ops.stack import ROOT, Stack, StackSettings, inherited, running_stack
from ringdown.stores import Store, open_store
from simulators.gemini_live.scenario_file import load_scenario
from simulators.twilio import TwilioNetwork

SCENARIO = ROOT / "simulators" / "scenarios" / "talk.yaml"
CALLER = "+14155550123"
NUMBER = "+14155550100"
_GO_AWAY_S = 10.0


class LineBusy(Exception):
    """Somebody else is on the telephone."""


@dataclass(slots=True)
class TalkLine:
    """`stand_in` is None with a real model; then nobody knows what it understands."""

    stack: Stack
    store: Store
    network: TwilioNetwork
    stand_in: GeminiStandIn | None
    pages: Path
    """Where the pages of calls that are over are kept."""
    now: Callable[[], datetime.datetime]
    busy: bool = field(default=False, init=False)

    @property
    def phrases(self) -> tuple[str, ...]:
        return load_scenario(SCENARIO).phrases if self.stand_in is not None else ()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One call at a time: there is one telephone. Raises LineBusy."""
        if self.busy:
            raise LineBusy
        self.busy = True
        try:
            yield
        finally:
            self.busy = False

    def kill_handler(self) -> None:
        """As a crash would: without a word. It is started again like any part."""
        for process in self.stack.processes:
            if process.command.name == "stream_handler" and process.pid is not None:
                os.kill(process.pid, signal.SIGKILL)

    def let_model_go_away(self) -> bool:
        """Whether there is a model that does as it is told."""
        if self.stand_in is None:
            return False
        self.stand_in.cause(do="go_away", time_left_s=_GO_AWAY_S)
        return True


@asynccontextmanager
async def running_line(
    environ: Mapping[str, str], out: Path, now: Callable[[], datetime.datetime]
) -> AsyncIterator[TalkLine]:
    """Every part a process of its own, as in `make call`; stopped at the end.

    Raises ops.processes.ProcessFailed.
    """
    api_key = environ.get("GEMINI_API_KEY") or None
    settings = StackSettings(
        out=out,
        gemini_api_key=api_key or API_KEY,
        gemini_base_url=environ.get("GEMINI_BASE_URL") or None,
        webhook_port=free_port(),
        stream_port=free_port(),
        inherited=inherited(environ),
    )
    pages = out / "calls"
    pages.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as running:
        stand_in = None
        if api_key is None:
            stand_in = await running.enter_async_context(
                running_gemini_stand_in(SCENARIO, out / "model")
            )
            settings = replace(
                settings, gemini_base_url=stand_in.base_url, gemini_ca_file=stand_in.ca_file
            )
        stack = await running.enter_async_context(running_stack(settings))
        store = await running.enter_async_context(open_store(stack.store_url))
        network = TwilioNetwork(auth_token=stack.twilio_auth_token)
        yield TalkLine(stack, store, network, stand_in, pages, now)
