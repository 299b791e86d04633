"""Places one call of a persona, and collects the result."""

import asyncio
import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from msgspec.structs import replace

from devtools.call_display import is_fault
from devtools.following import complete_record
from devtools.rehearsals.caller import Broken, Caller, PlayedBy, Unmet, voice_of
from devtools.rehearsals.tool_ledger import ToolLedger
from ringdown.agents import Agent
from ringdown.calls import Call, CallRecord, EndReason
from ringdown.gemini.text_model import TextModel
from ringdown.rehearsals import LineQuality, Persona, PersonaRun, Spoken
from ringdown.rehearsals.judging import judge
from ringdown.stores import Store
from simulators.twilio import Answers, Call as PhoneCall, DialledParty, Impairments, TwilioNetwork
from simulators.twilio.events import CallEvent, Party, SpeechStopped

NUMBER = "+14155550100"
"""The number that personas call."""
PERSON = "+14155550199"
"""The line's fallback number, where a person answers."""
_SILENCE_MS = 3_000
_TOO_LATE_MS = 100
"""Five frames."""
_OUTCOME_WITHIN_S = 60.0
_OUTCOME_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class RehearsalLine:
    """A running line with the agent to call."""

    webhook_url: str
    twilio_auth_token: str
    store: Store
    """A separate store, so that rehearsed calls never reach the operators'."""
    ledger: ToolLedger
    agent: Agent
    model: str
    is_stand_in: bool
    now: Callable[[], datetime.datetime]
    folder: Path
    """Where recordings go."""
    expires_at: datetime.datetime
    new_caller_model: Callable[[], PlayedBy] | None = None
    """None without a key."""
    judge_model: TextModel | None = None
    """Gives its opinion of each call; likewise None without a key."""


async def place(line: RehearsalLine, persona: Persona, run: int, seed: int) -> PersonaRun:
    """Let the persona call. The result says what happened, even if something failed."""
    network = TwilioNetwork(
        auth_token=line.twilio_auth_token,
        dialled=_everybody(line.agent),
        background=persona.line.background,
        impairments=_impairments(persona.line, seed),
        date=line.now,
    )
    plays = line.new_caller_model() if line.new_caller_model is not None else None
    unmet = partial = None
    async with network.place_call(
        to=NUMBER,
        from_=persona.number if persona.number != "anonymous" else "+266696687",
        voice_url=f"{line.webhook_url}/",
        status_url=f"{line.webhook_url}/status",
        voice=voice_of(persona),
    ) as call:
        sid = call.identity.call_sid
        line.ledger.begin(sid, persona, lambda: call.now_ms, facts_tool=line.agent.before_call)
        caller = Caller(call, persona, line.store, seed, plays)
        try:
            await caller.perform()
        except Unmet as error:
            unmet = str(error)
        except Broken as error:
            partial = str(error)
    record = await _finished_record(line, persona, sid)
    name = f"{persona.name}-{run:03}"
    await asyncio.to_thread(call.write_wav, line.folder / f"{name}.wav")
    found = PersonaRun(
        persona=persona,
        run=run,
        expires_at=line.expires_at,
        seed=seed,
        model=line.model,
        record=record,
        ledger=line.ledger.end(sid),
        said=tuple(_said(call, caller)),
        silences_ms=tuple(_silences_ms(call)),
        alerts=tuple(
            f"{int(alert.code)}: {alert.detail}" for alert in call.alerts if is_fault(alert.code)
        ),
        duration_ms=call.recording.duration_ms,
        cost_usd=0.0 if line.is_stand_in or record is None else _cost_usd(record),
        caller_cost_usd=plays.cost_usd if plays is not None else 0.0,
        partial=partial or _nobody_answered(record),
        unmet=unmet,
    )
    return judged(found, call.most_late_ms)


def judged(run: PersonaRun, most_late_ms: int) -> PersonaRun:
    """Add the verdicts. If only the course of the call went wrong, and the telephone was late,
    although it has little to do, blame the machine and not the agent."""
    verdicts = judge(run.persona, run)
    failed = {verdict.kind for verdict in verdicts if verdict.passed is False}
    if failed != {"call"} or most_late_ms < _TOO_LATE_MS:
        return replace(run, verdicts=verdicts)
    busy = f"This machine was too busy: the simulated telephone was up to {most_late_ms} ms late."
    return replace(run, partial=f"{busy} Make fewer calls at the same time: --at-once.")


def _everybody(agent: Agent) -> dict[str, DialledParty]:
    """Everyone the agent can dial answers and takes the call."""
    person = Answers("Hello, how can I help?", presses="1", presses_after_s=3.0)
    numbers = {PERSON, *agent.transfer_numbers.values(), agent.fallback_number}
    return {number: person for number in numbers if number is not None}


def _impairments(line: LineQuality, seed: int) -> Impairments:
    return Impairments(line.noise_dbfs, line.echo_db, line.lost_percent / 100, seed)


async def _finished_record(
    line: RehearsalLine, persona: Persona, call_sid: str
) -> CallRecord | None:
    """Wait for the call's record, and for its outcome if the persona is judged by it and there is a
    model to ask."""
    record = await complete_record(line.store, call_sid)
    asks = persona.must.outcome or persona.must.success is not None
    if not asks or line.agent.after_call is None or line.is_stand_in:
        return record
    for _ in range(round(_OUTCOME_WITHIN_S / _OUTCOME_EVERY_S)):
        if record is None or record.outcome is not None:
            break
        await asyncio.sleep(_OUTCOME_EVERY_S)
        record = await line.store.read_record(call_sid)
    return record


def _nobody_answered(record: CallRecord | None) -> str | None:
    """Say why the call failed, if the machine or the model was at fault and not the prompt."""
    match record:
        case CallRecord(call=Call(end_reason=EndReason.HANDLER_BUSY)):
            return "This machine is handling too many calls. Try fewer: --at-once."
        case CallRecord(call=Call(end_reason=EndReason.MODEL_UNAVAILABLE | EndReason.MODEL_LOST)):
            why = record.call.model_error or _last_reason(record) or "it didn't reply"
            return f"The agent's model failed: {why.rstrip('.')}."
        case _:
            return None


def _cost_usd(record: CallRecord) -> float:
    found_out = 0.0 if record.outcome is None else record.outcome.cost_usd
    return (record.call.cost_usd or 0.0) + found_out


def _last_reason(record: CallRecord) -> str:
    return record.call.reconnects[-1].reason if record.call.reconnects else ""


def _said(call: PhoneCall, caller: Caller) -> Iterator[Spoken]:
    """What was said and pressed, in order."""
    agent = _speech(call.events, Party.AGENT)
    spoken = [
        _spoken(said.text, said.start_ms, said.end_ms or call.now_ms, agent)
        for said in call.utterances
        if said.start_ms is not None
    ]
    spoken += [
        Spoken(what="press", text=keys, start_ms=began_ms, end_ms=ended_ms)
        for keys, began_ms, ended_ms in caller.keys
    ]
    yield from sorted(spoken, key=lambda it: it.start_ms)


def _spoken(text: str, start_ms: int, end_ms: int, agent: Sequence[tuple[int, int]]) -> Spoken:
    over = next((span for span in agent if span[0] < start_ms < span[1]), None)
    stopped_ms = None if over is None or over[1] >= end_ms else over[1] - start_ms
    is_noise = text.startswith("(")
    return Spoken(
        what="make" if is_noise else "say",
        text=text.strip("()") if is_noise else text,
        start_ms=start_ms,
        end_ms=end_ms,
        interrupted_agent=over is not None,
        agent_stopped_ms=stopped_ms,
    )


def _silences_ms(call: PhoneCall) -> Iterator[int]:
    """The long silences between the first word and the last."""
    spans = sorted(span for party in Party for span in _speech(call.events, party))
    until_ms = spans[0][1] if spans else 0
    for _, (began_ms, ended_ms) in pairwise(spans):
        if began_ms - until_ms >= _SILENCE_MS:
            yield began_ms - until_ms
        until_ms = max(until_ms, ended_ms)


def _speech(events: Sequence[CallEvent], who: Party) -> list[tuple[int, int]]:
    return [
        (event.started_ms, event.stopped_ms)
        for event in events
        if isinstance(event, SpeechStopped) and event.who is who
    ]
