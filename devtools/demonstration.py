"""The demonstration call: all parts as separate processes, real speech, and a verdict."""

import asyncio
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten

import msgspec

from devtools.call_display import CallDisplay
from devtools.clips import tell_failures
from devtools.following import complete_record, following
from devtools.gemini_stand_in import ModelSession, read_sessions
from devtools.judge import Heard, Sentence, judge
from devtools.line_parts import line_clip_maker, running_model, running_parts
from devtools.network_events import moments, recording_began_ms
from devtools.processes import say
from devtools.stack import ROOT
from devtools.verdict import (
    arrival_problems,
    network_problems,
    structure_problems,
    transcript_problems,
)
from ringdown import clock
from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.clips import clip_key, greeting_text, notice_text
from ringdown.call_page import Arrival, CallPage, Recording, call_page
from ringdown.calls import CallRecord
from ringdown.stores import Store
from ringdown_cli.command import BROKEN, DONE, TOO_BUSY
from simulators.speech import mulaw
from simulators.speech.synthesis import synthesize
from simulators.twilio import Call, TwilioNetwork
from simulators.twilio.events import PlaybackCleared
from simulators.twilio.runner import ScriptFailed, run_script
from simulators.twilio.script import SayStep, Script
from simulators.twilio.script_file import load_script

SCENARIO = ROOT / "simulators" / "scenarios" / "demonstration.yaml"
LINE_HZ = 8_000
_CLIPS_WITHIN_S = 20.0
_SENTENCE_WIDTH = 90
_ON_TIME_MS = 20
"""One frame. If the simulated phone was later than this, although it has little to do, other parts
may have been late as well."""
_LEGEND = (
    "Each sentence was looked for in the audio that arrived. Recognised: speech recognition"
    " understood its words. Intact: none of its audio is missing or changed."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a call.

    `late_ms` is the longest delay of the simulated phone itself; `load` is the number of programs
    that wanted to run per processor, averaged over the last minute.
    """

    record: CallRecord | None
    heard_by_caller: Sequence[Heard]
    heard_by_model: Sequence[Heard]
    problems: Sequence[str]
    late_ms: int = 0
    load: float = 0.0

    @property
    def status(self) -> int:
        """The exit status. A call without problems is good even if the machine was busy."""
        if not self.problems:
            return DONE
        return TOO_BUSY if self.late_ms > _ON_TIME_MS or self.load > 1 else BROKEN


async def place_demonstration_call(environ: Mapping[str, str], out: Path) -> int:
    """Place the call and show it. Returns the exit status (see `Outcome.status`)."""
    script = load_script(SCENARIO)
    folder = out / "last"
    shutil.rmtree(folder, ignore_errors=True)
    say("Starting the parts …")
    async with (
        running_model(environ, SCENARIO, folder / "model") as model,
        running_parts(model, environ, folder) as (stack, store),
    ):
        say("Making the agent's clips …")
        clips = line_clip_maker(model)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLIPS_WITHIN_S):
                await clips.make(store, DEFAULT_AGENT_ID, clock.now())
        tell_failures(clips, DEFAULT_AGENT_ID)
        say(f"Calling {script.to} …")
        network = TwilioNetwork(auth_token=stack.twilio_auth_token, dialled=script.dialled)
        call, failure, record = await _place(network, stack.webhook_url, script, store)
        said_by_clips = [] if record is None else await _said_by_clips(record, store)
    sessions = read_sessions(folder / "model") if model.stand_in is not None else None
    outcome = await asyncio.to_thread(
        _judge, call, script, failure, record, sessions, said_by_clips
    )
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    outcome = replace(outcome, late_ms=call.most_late_ms, load=load)
    _write(folder, call, outcome)
    _tell(folder, outcome)
    return outcome.status


async def _place(
    network: TwilioNetwork, webhook_url: str, script: Script, store: Store
) -> tuple[Call, str | None, CallRecord | None]:
    display = CallDisplay(say, asyncio.get_running_loop().time)
    failure: str | None = None
    async with (
        network.place_call(
            to=script.to,
            from_=script.from_,
            voice_url=f"{webhook_url}/",
            status_url=f"{webhook_url}/status",
            voice=script.voice,
            on_event=display.event,
        ) as call,
        following(store, call.identity.call_sid, display.record),
    ):
        try:
            await run_script(call, script)
        except ScriptFailed as failed:
            failure = str(failed)
    record = await complete_record(store, call.identity.call_sid)
    display.finish(record)
    return call, failure, record


async def _said_by_clips(record: CallRecord, store: Store) -> list[Sentence]:
    """Return the sentences that the caller hears as clips before the model speaks."""
    call, sentences = record.call, []
    for text in filter(None, (notice_text(call.agent), greeting_text(call.agent))):
        clip = await store.read_clip(call.agent_id, clip_key(call.agent, text))
        if clip is not None:
            sentences.append(Sentence(text, mulaw.decode(clip.mulaw), LINE_HZ))
    return sentences


def _judge(
    call: Call,
    script: Script,
    failure: str | None,
    record: CallRecord | None,
    sessions: Sequence[ModelSession] | None,
    said_by_clips: Sequence[Sentence],
) -> Outcome:
    """Judge a call. `sessions` are the stand-in's, or None for a real model, whose sentences aren't
    known."""
    problems = network_problems(call.alerts, call.recording.duration_ms)
    if failure is not None:
        problems.append(failure)
    if record is None:
        return Outcome(None, (), (), [*problems, "the call has no record"])
    problems += structure_problems(record)
    if sessions is None:
        return Outcome(record, (), (), problems)
    if len(sessions) != 1:
        return Outcome(
            record, (), (), [*problems, f"the model had {len(sessions)} sessions, not 1"]
        )
    said = [utterance.text for utterance in call.utterances]
    due = [step.action.text for step in script.steps if isinstance(step.action, SayStep)]
    if said != due:
        problems.append(f"the caller said {len(said)} of {len(due)} sentences")
    by_caller = [
        *judge(said_by_clips, call.recording.agent, rate_hz=LINE_HZ),
        *heard_by_caller(call, sessions[0]),
    ]
    by_model = heard_by_model(said, script, sessions[0])
    problems += transcript_problems(record, said)
    problems += arrival_problems("to the caller", by_caller)
    problems += arrival_problems("to the model", by_model)
    return Outcome(record, by_caller, by_model, problems)


def heard_by_caller(call: Call, session: ModelSession) -> list[Heard]:
    """The model's sentences as the caller heard them, up to where they were cut off."""
    cuts = iter([e.when.line_ms for e in call.events if isinstance(e, PlaybackCleared)])
    sentences = [
        Sentence(turn.text, turn.pcm, session.said_hz, next(cuts, 0) if turn.interrupted else None)
        for turn in session.turns
    ]
    return judge(sentences, call.recording.agent, rate_hz=LINE_HZ)


def heard_by_model(said: Sequence[str], script: Script, session: ModelSession) -> list[Heard]:
    """The caller's sentences as they reached the model."""
    sentences = [
        Sentence(text, synthesize(text, rate_hz=LINE_HZ, voice=script.voice), LINE_HZ)
        for text in said
    ]
    return judge(sentences, session.heard, rate_hz=session.heard_hz)


def _write(folder: Path, call: Call, outcome: Outcome) -> None:
    call.write_wav(folder / "call.wav")
    record = msgspec.to_builtins(outcome.record) if outcome.record is not None else {}
    document = {
        **record,
        "heard_by_caller": [heard.as_json() for heard in outcome.heard_by_caller],
        "heard_by_model": [heard.as_json() for heard in outcome.heard_by_model],
        "problems": list(outcome.problems),
        "phone_late_ms": outcome.late_ms,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (folder / "call.json").write_text(text + "\n", "utf-8")
    if outcome.record is not None:
        page = _page(call, outcome.record, outcome)
        (folder / "call.html").write_text(call_page(page), "utf-8")


def _page(call: Call, record: CallRecord, outcome: Outcome) -> CallPage:
    began_ms = recording_began_ms(record.call, call.events)
    return CallPage(
        record=record,
        recording=Recording(LINE_HZ, call.recording.caller, call.recording.agent, began_ms),
        moments=moments(call.events, began_ms),
        heard_by_caller=[_arrival(heard) for heard in outcome.heard_by_caller],
        heard_by_model=[_arrival(heard) for heard in outcome.heard_by_model],
        problems=outcome.problems,
    )


def _arrival(heard: Heard) -> Arrival:
    return Arrival(heard.sentence, heard.ok, _why(heard))


def _why(heard: Heard) -> str:
    return f"recognised, {heard.why}" if heard.recognised else heard.why


def _tell(folder: Path, outcome: Outcome) -> None:
    if outcome.heard_by_model:
        say(_LEGEND)
    for title, heard in (
        ("Heard by the model:", outcome.heard_by_model),
        ("Heard by the caller:", outcome.heard_by_caller),
    ):
        if heard:
            say(title)
        for item in heard:
            sentence = shorten(item.sentence, _SENTENCE_WIDTH, placeholder=" …")
            say(f"  {'✓' if item.ok else '✗'} {sentence}   ({_why(item)})")
    page = "call.html (open it in a browser), " if outcome.record is not None else ""
    say(f"Wrote {page}call.wav and call.json to {folder}.")
    if outcome.problems:
        if outcome.status == TOO_BUSY:
            say(
                f"This machine was too busy: {outcome.load:.1f} programs per processor wanted to"
                f" run, and the simulated phone sent frames up to {outcome.late_ms} ms late."
            )
            say("The call can't be judged; try again when the machine is idle. Problems:")
        else:
            say("The call did NOT go as expected:")
        for problem in outcome.problems:
            say(f"  - {problem}")
    elif outcome.heard_by_model:
        say("The call went as expected, and every sentence arrived.")
    else:
        say(
            "The call went as expected. (Only its structure was checked; a real model words things"
            " differently every time.)"
        )
