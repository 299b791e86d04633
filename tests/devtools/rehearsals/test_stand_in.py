"""Without a key, custom personas are turned into a scenario for the stand-in."""

from pathlib import Path

import msgspec

from devtools.rehearsals.line import Rehearsed
from devtools.rehearsals.running import Plan, make_calls
from devtools.rehearsals.stand_in import PACKAGED, stand_in_scenario
from ringdown.agents import Agent
from ringdown.calls import EndReason
from ringdown.rehearsals import Line, Must, Persona
from ringdown.rehearsals.persona_text import packaged_personas
from simulators.gemini_live.scenario_file import parse_scenario
from tests.devtools.rehearsals.rehearsing import failures, rehearsal_line

SHOP = Agent(
    instructions="You sell flowers.\n\nThe roses cost ten dollars.",
    greeting="Hello, the flower shop.",
    notice="",
)
PERSONA = Persona(
    name="asks-for-roses",
    who="Somebody with a date.",
    wants="The price of roses.",
    lines=(
        Line(say="What do the roses cost?"),
        Line(say="Thank you. Goodbye."),
        Line(wait="hangup"),
    ),
    must=Must(says=("ten dollars",), ending=EndReason.AGENT_HUNG_UP),
)


def test_the_packaged_personas_have_the_packaged_scenario() -> None:
    personas = list(packaged_personas().values())

    assert stand_in_scenario(personas, SHOP) == PACKAGED.read_text("utf-8")
    changed = msgspec.structs.replace(personas[0], wants="Something else.")
    assert stand_in_scenario([changed], SHOP) != PACKAGED.read_text("utf-8")


async def test_a_persona_of_ones_own_hears_what_the_instructions_say(tmp_path: Path) -> None:
    scenario = parse_scenario(stand_in_scenario([PERSONA], SHOP))
    async with rehearsal_line(tmp_path, scenario, rehearsed=Rehearsed("shop", SHOP, ())) as line:
        made = await make_calls(line, Plan([PERSONA], 1, at_once=1), lambda _: None)

    assert failures(made) == []


async def test_a_persona_who_speaks_german_is_understood_by_voice(tmp_path: Path) -> None:
    shop = msgspec.structs.replace(
        SHOP,
        language="de-DE",
        greeting="Guten Tag, hier ist der Blumenladen.",
        instructions="Du verkaufst Blumen.\n\nDie Rosen kosten zehn Euro.",
    )
    persona = msgspec.structs.replace(
        PERSONA,
        language="de-DE",
        lines=(
            Line(say="Was kosten die Rosen?"),
            Line(say="Danke, auf Wiederhören."),
            Line(wait="hangup"),
        ),
        must=Must(says=("zehn Euro",)),
    )
    scenario = parse_scenario(stand_in_scenario([persona], shop))
    async with rehearsal_line(tmp_path, scenario, rehearsed=Rehearsed("shop", shop, ())) as line:
        made = await make_calls(line, Plan([persona], 1, at_once=1), lambda _: None)

    assert failures(made) == []
