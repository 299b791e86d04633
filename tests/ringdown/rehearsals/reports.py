"""Complete rehearsals for the tests of report pages."""

import datetime
import io
import wave

import numpy as np
from msgspec.structs import replace

from ringdown.calls import EndReason, ToolOutcome
from ringdown.rehearsals import RETENTION, Persona, PersonaRun, Rehearsal, Verdict
from ringdown.rehearsals.judging import judge
from ringdown.rehearsals.report import Report, make_report
from ringdown.rehearsals.tallies import tally
from tests.ringdown.rehearsals.samples import (
    BOOKING,
    PERSONA,
    TOOL_CALLS,
    a_record,
    a_run,
    a_tool_call,
    with_reply,
)
from tests.ringdown.samples import NOW

DAY = datetime.timedelta(days=1)
IMPATIENT = replace(PERSONA, name="interrupts", who="Vera, who is in a hurry.")
OPINION = (
    Verdict(
        kind="judge",
        passed=True,
        what="The caller got what they wanted, or was told plainly why not.",
        why="The agent named the price and booked the call.",
        quote="I have booked a call for Tuesday at nine.",
    ),
    Verdict(
        kind="judge",
        passed=None,
        what="The agent let the caller speak, and was easy to follow.",
        why="It said yes, but quoted nothing that was heard.",
    ),
)


def good_runs(persona: Persona = PERSONA, *, of: int = 5) -> list[PersonaRun]:
    return [judged(a_run(persona=persona, run=n + 1)) for n in range(of)]


def mixed_runs() -> list[PersonaRun]:
    """Three runs that went well, three that didn't, and one that never finished."""
    price = a_run(with_reply("It costs $12 a month. I have booked a call."), run=4)
    lie = a_record(
        tool_calls=(
            TOOL_CALLS[0],
            a_tool_call("schedule_callback", BOOKING, outcome=ToolOutcome.FAILED),
        ),
        ending=EndReason.CALLER_HUNG_UP,
    )
    slow = replace(a_run(run=6), silences_ms=(14_200,))
    partial = replace(a_run(run=7), partial="Gemini refused (HTTP 429): Quota exceeded.")
    return [*good_runs(of=3), *map(judged, (price, a_run(lie, run=5), slow, partial))]


def judged(run: PersonaRun) -> PersonaRun:
    verdicts = judge(run.persona, run)
    return replace(run, verdicts=(*verdicts, *OPINION) if verdicts else ())


def a_rehearsal(
    *runs: PersonaRun,
    revision: str = "3f9c01ab77d2",
    ago: datetime.timedelta = DAY,
    is_stand_in: bool = False,
    partial: str | None = None,
    agent_id: str = "shop",
    is_draft: bool = True,
) -> Rehearsal:
    began_at = NOW - ago
    names = dict.fromkeys(run.persona.name for run in runs)
    return Rehearsal(
        id=f"{began_at:%Y%m%dT%H%M%SZ}-abc123",
        agent_id=agent_id,
        is_draft=is_draft,
        agent_revision=revision,
        model="stand-in" if is_stand_in else "gemini-3.8-live",
        is_stand_in=is_stand_in,
        began_at=began_at,
        ended_at=began_at + datetime.timedelta(minutes=3),
        expires_at=began_at + RETENTION,
        tallies=tuple(
            tally(name, len(own), own)
            for name in names
            for own in [[run for run in runs if run.persona.name == name]]
        ),
        cost_usd=0.61,
        partial=partial,
    )


def a_report(
    *, is_stand_in: bool = False, partial: str | None = None, compared: bool = True
) -> Report:
    """A report on a draft that is worse than the published version, if `compared` with it."""
    runs = [*mixed_runs(), *good_runs(IMPATIENT)]
    before = a_rehearsal(*good_runs(of=7), revision="1" * 12, ago=7 * DAY, is_draft=False)
    rehearsal = a_rehearsal(*runs, is_stand_in=is_stand_in, partial=partial)
    return make_report(rehearsal, runs, before if compared else None)


def a_recording(duration_s: int = 3) -> bytes:
    """A WAV file with the caller on the left channel, the agent on the right."""
    times = np.arange(8_000 * duration_s) / 8_000
    tone = (8_000 * np.sin(2 * np.pi * 330 * times)).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(np.stack([tone, tone], axis=1).tobytes())
    return file.getvalue()
