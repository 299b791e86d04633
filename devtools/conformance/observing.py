"""Facts from recordings. Every observer takes a script's sessions and may raise CannotTell."""

import re
from collections.abc import Callable, Sequence

from devtools.conformance.outcomes import CannotTell, Observed
from devtools.conformance.recording import Ended, Recording
from devtools.conformance.scripts import QUESTION

Observer = Callable[[Sequence[Recording]], Observed]

GOES_ON = "the session goes on"
NO_ANSWER = "no answer"
_FASTER, _SLOWER = 1.5, 0.9
_EARLY_MS = 500
_MOST_NOTE = 160


def frames(sessions: Sequence[Recording]) -> Observed:
    kinds = {entry.binary for entry in _talking(sessions).received}
    words = "both" if len(kinds) == 2 else "binary" if kinds == {True} else "text"
    return Observed({"JSON comes in frames": words})


def first_message(sessions: Sequence[Recording]) -> Observed:
    first = _talking(sessions).received[0].message
    session_id = first.get("setupComplete", {}).get("sessionId")
    return Observed(
        {
            "first message": next(iter(first), "empty"),
            "session id": "given" if session_id else "not given",
        }
    )


def answer(sessions: Sequence[Recording]) -> Observed:
    """What came after our last message."""
    seen = _talking(sessions)
    return Observed({"answer": "audio" if seen.since(seen.last_sent).audio else _without(seen)})


def output_format(sessions: Sequence[Recording]) -> Observed:
    kinds = sorted({found.value.mime_type for found in _spoken(sessions).audio})
    return Observed({"mime type": ", ".join(kinds)})


def speed(sessions: Sequence[Recording]) -> Observed:
    seen = _spoken(sessions)
    took_ms = seen.audio[-1].at_ms - seen.audio[0].at_ms
    if len(seen.audio) < 3 or took_ms <= 0:
        raise CannotTell("the answer came in too few pieces")
    sent_ms = seen.audio_ms - seen.audio[-1].value.duration_ms
    ratio = sent_ms / took_ms
    words = "faster than" if ratio >= _FASTER else "slower than" if ratio < _SLOWER else "in about"
    return Observed({"audio comes": f"{words} real time"})


def end_of_turn(sessions: Sequence[Recording]) -> Observed:
    seen = _spoken(sessions)
    if not seen.turn_completes:
        raise CannotTell("no turnComplete came")
    played_ms = _played_ms(seen)
    early = seen.turn_completes[-1].at_ms < played_ms - _EARLY_MS
    when = "before the audio has been played" if early else "when the audio has been played"
    return Observed({"turnComplete comes": when})


def _played_ms(seen: Recording) -> float:
    """When a client that plays at once has played everything."""
    end_ms = 0.0
    for found in seen.audio:
        end_ms = max(end_ms, found.at_ms) + found.value.duration_ms
    return end_ms


def completion_order(sessions: Sequence[Recording]) -> Observed:
    seen = _spoken(sessions)
    generated = seen.find("serverContent", "generationComplete")
    if not seen.turn_completes:
        raise CannotTell("no turnComplete came")
    if not generated:
        return Observed({"order": "turnComplete only"})
    last_audio, generation, turn = (
        found[-1].index for found in (seen.audio, generated, seen.turn_completes)
    )
    names = {"last audio": last_audio, "generationComplete": generation, "turnComplete": turn}
    return Observed({"order": ", ".join(sorted(names, key=lambda name: names[name]))})


def output_transcript(sessions: Sequence[Recording]) -> Observed:
    seen = _spoken(sessions)
    words = seen.find("serverContent", "outputTranscription")
    return Observed({"first words come": _relative(words[0].index if words else None, seen)})


def input_transcript(sessions: Sequence[Recording]) -> Observed:
    seen = _spoken(sessions)
    words = seen.find("serverContent", "inputTranscription")
    asked = QUESTION.split()
    heard = set(re.findall(r"\w+", seen.transcript("inputTranscription").lower()))
    share = sum(word in heard for word in asked) / len(asked)
    return Observed(
        {
            "words heard": "most" if share > 0.6 else "some" if share > 0 else "none",
            "first words come": _relative(words[0].index if words else None, seen),
        }
    )


def usage(sessions: Sequence[Recording]) -> Observed:
    seen = _spoken(sessions)
    reports = seen.find("usageMetadata")
    if not reports:
        return Observed({"usageMetadata": "none"})
    turns = [found.index for found in seen.turn_completes]
    last = reports[-1]
    place = (
        "with turnComplete"
        if last.index in turns
        else "after turnComplete"
        if turns and last.index > turns[-1]
        else "before turnComplete"
    )
    return Observed(
        {
            "usageMetadata": place,
            "prompt": _modalities(last.value.get("promptTokensDetails")),
            "response": _modalities(last.value.get("responseTokensDetails")),
        }
    )


def resumption_updates(sessions: Sequence[Recording]) -> Observed:
    seen = _spoken(sessions)
    updates = seen.find("sessionResumptionUpdate")
    handles = [u for u in updates if u.value.get("newHandle")]
    first_audio = seen.audio[0].index
    turns = [found.index for found in seen.turn_completes]
    after = [u for u in handles if turns and u.index >= turns[0]]
    first = updates[0] if updates else None
    unready = first is not None and not first.value.get("resumable") and first.index < first_audio
    return Observed(
        {
            "before the answer": "not resumable" if unready else "nothing said",
            "handle": "after the turn" if after else "before its end" if handles else "none",
        }
    )


def interrupted(sessions: Sequence[Recording]) -> Observed:
    seen = _spoken(sessions)
    cuts = seen.find("serverContent", "interrupted")
    if not cuts:
        return Observed({"order": "no interrupted"})
    turns = [t.index for t in seen.turn_completes if t.index >= cuts[0].index]
    between = seen.between(cuts[0].index, turns[0] if turns else len(seen.entries))
    return Observed(
        {
            "order": "interrupted, turnComplete" if turns else "interrupted only",
            "audio between them": "some" if between.audio else "none",
        }
    )


def call_ids(sessions: Sequence[Recording]) -> Observed:
    ids = _called(sessions).tool_call_ids
    return Observed({"id of a call": "given" if all(ids) else "missing"})


def tool_answer(sessions: Sequence[Recording]) -> Observed:
    """What came after the response to a tool call."""
    seen = _called(sessions)
    answered = seen.since(seen.last_sent)
    return Observed({"after the response": "audio" if answered.audio else _without(seen)})


def cancellation(sessions: Sequence[Recording]) -> Observed:
    seen = _called(sessions)
    cancelled = [i for found in seen.find("toolCallCancellation", "ids") for i in found.value]
    ours = bool(cancelled) and set(cancelled) <= set(seen.tool_call_ids)
    words = "with the call's id" if ours else "with other ids" if cancelled else "none"
    return Observed({"toolCallCancellation": words, "after a late response": _outcome(seen)})


def memory(sessions: Sequence[Recording]) -> Observed:
    """Whether the second session, opened with the first one's handle, remembers."""
    _spoken(sessions[:1])
    if len(sessions) < 2:
        raise CannotTell("no resumption handle came")
    resumed = sessions[1]
    if not resumed.set_up:
        return refusal(sessions[1:])
    knows = "pineapple" in resumed.transcript("outputTranscription").lower()
    return Observed({"result": "resumed", "remembers": "yes" if knows else "no"})


def refusal(sessions: Sequence[Recording]) -> Observed:
    """How the last session took what was odd about it."""
    seen = sessions[-1]
    ended = _ended(seen)
    if ended is None:
        return Observed({"result": _outcome(seen)})
    when = "after setupComplete" if seen.set_up else "before setupComplete"
    return Observed({"result": ended.how, "when": when}, note=plain(ended.reason))


def bad_message(sessions: Sequence[Recording]) -> Observed:
    """How a message after the setup was taken."""
    seen = _talking(sessions)
    ended = _ended(seen)
    return Observed({"result": _outcome(seen)}, note=plain(ended.reason) if ended else "")


def early_handle(sessions: Sequence[Recording]) -> Observed:
    _spoken(sessions[:1])
    if len(sessions) < 2:
        raise CannotTell("no resumption handle came")
    return refusal(sessions)


def admitted(sessions: Sequence[Recording]) -> Observed:
    """Whether a key was taken; no question is asked."""
    ended = _ended(sessions[0])
    if ended is None:
        return Observed({"result": "accepted" if sessions[0].set_up else NO_ANSWER})
    return Observed({"result": ended.how}, note=plain(ended.reason))


def plain(reason: str) -> str:
    """A peer's own words on one line; long numbers name somebody's project or account."""
    return re.sub(r"\d{6,}", "…", " ".join(reason.split()))[:_MOST_NOTE]


def _talking(sessions: Sequence[Recording]) -> Recording:
    """The last session, which must have been set up."""
    if not sessions:
        raise CannotTell("there was no session")
    seen = sessions[-1]
    if not seen.set_up:
        ended = _ended(seen)
        how = f"{ended.how} {plain(ended.reason)}".strip() if ended else NO_ANSWER
        raise CannotTell(f"the session was not set up: {how}")
    return seen


def _spoken(sessions: Sequence[Recording]) -> Recording:
    seen = _talking(sessions)
    if not seen.audio:
        raise CannotTell(f"nothing was said: {_without(seen)}")
    return seen


def _called(sessions: Sequence[Recording]) -> Recording:
    seen = _talking(sessions)
    if not seen.find("toolCall"):
        raise CannotTell("the model did not call the tool")
    return seen


def _ended(seen: Recording) -> Ended | None:
    ended = seen.ended
    if ended is None:
        return None
    crowded = ended.how == "HTTP 429" or ended.how.startswith("HTTP 5")
    if crowded or "quota" in ended.reason.lower():
        raise CannotTell(f"the service is out of reach or quota: {ended.how} {plain(ended.reason)}")
    return ended


def _without(seen: Recording) -> str:
    ended = _ended(seen)
    return ended.how if ended else "none"


def _outcome(seen: Recording) -> str:
    ended = _ended(seen)
    if ended is not None:
        return ended.how
    return GOES_ON if seen.since(seen.last_sent).audio else NO_ANSWER


def _relative(index: int | None, seen: Recording) -> str:
    if index is None:
        return "never"
    first = seen.audio[0].index
    if index == first:
        return "with the first audio"
    return "before the first audio" if index < first else "after the first audio"


def _modalities(details: object) -> str:
    if not isinstance(details, list):
        return "not told"
    named = {str(d.get("modality")) for d in details if d.get("tokenCount")}
    return ", ".join(sorted(named)) or "none"
