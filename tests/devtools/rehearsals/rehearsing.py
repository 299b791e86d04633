"""Rehearsals on a clock that jumps, with the whole line and several callers in this process."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from devtools.gemini_stand_in import API_KEY
from devtools.rehearsals.caller import PlayedBy
from devtools.rehearsals.line import Rehearsed, prepare
from devtools.rehearsals.placing import PERSON, RehearsalLine
from devtools.rehearsals.running import Made, Plan, make_calls
from devtools.rehearsals.tool_ledger import serving_tools
from devtools.stack import ROOT
from ringdown import clock
from ringdown.agents import packaged_agent
from ringdown.rehearsals import RETENTION, Persona
from ringdown.stores import open_store
from ringdown.tools.folder import read_tool_folder
from simulators.gemini_live.scenario import Scenario
from simulators.gemini_live.scenario_file import load_scenario
from simulators.gemini_live.server import GeminiLiveServer
from tests.functions.loading import FUNCTIONS
from tests.whole_line import running_line, settings_with

LOOKUP = read_tool_folder(FUNCTIONS / "tools" / "lookup_account").declaration(
    "https://example.com/"
)
PACKAGED = Rehearsed("default", packaged_agent(), (LOOKUP,))


SCENARIO = load_scenario(ROOT / "simulators" / "scenarios" / "rehearsal.yaml")
"""What the packaged agent says and does, without mistakes."""
AT_ONCE = 12


@asynccontextmanager
async def rehearsal_line(
    folder: Path,
    scenario: Scenario,
    *,
    rehearsed: Rehearsed = PACKAGED,
    new_caller_model: Callable[[], PlayedBy] | None = None,
) -> AsyncIterator[RehearsalLine]:
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else is running yet
    async with (
        serving_tools() as ledger,
        GeminiLiveServer(scenario, api_key=API_KEY) as gemini,
        running_line(
            settings_with(folder, gemini, served_tools=(), fallback_number=PERSON)
        ) as stack,
        open_store(stack.store_url) as store,
    ):
        await prepare(store, rehearsed, ledger.url)
        yield RehearsalLine(
            webhook_url=stack.webhook_url,
            twilio_auth_token=stack.twilio_auth_token,
            store=store,
            ledger=ledger,
            agent=rehearsed.agent,
            model="stand-in",
            is_stand_in=True,
            now=clock.now,
            folder=folder,
            expires_at=clock.now() + RETENTION,
            new_caller_model=new_caller_model,
        )


async def rehearse(
    folder: Path, scenario: Scenario, personas: Sequence[Persona], *, runs: int = 1
) -> Made:
    """Place `runs` calls of each persona, as many in parallel as one handler carries."""
    plan = Plan(personas, runs, at_once=AT_ONCE)
    async with rehearsal_line(folder, scenario) as line:
        return await make_calls(line, plan, lambda _: None)


def failures(made: Made) -> list[str]:
    """The failures of each call, with their reasons."""
    found = [] if made.partial is None else [made.partial]
    for run in made.runs:
        where = f"{run.persona.name} {run.run}"
        found += [f"{where}: {why}" for why in (run.partial, run.unmet) if why is not None]
        found += [f"{where}: {v.what}: {v.why}" for v in run.verdicts if v.passed is False]
    return found
