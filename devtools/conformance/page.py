"""docs/conformance.md: a table for each peer. Pure: the same results give the same text."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from devtools.conformance.behaviours import Behaviour
from devtools.conformance.comparison import Differs, NotTried, Same, Unknown, Verdict, compare
from devtools.conformance.outcomes import NotObserved, Observed, Outcome, in_words
from devtools.conformance.results import PeerResults, Results

_HEAD = """\
# Conformance

The stand-ins in `simulators/` say how Twilio and Gemini Live behave. This page lists what they say
and we rely on, where we know it from, and whether the real services do the same.

    make conformance

writes it. Without keys it tries the Gemini stand-in alone, and nothing leaves the machine. With
`GEMINI_API_KEY` the same sessions are held with the real service: some 30, in about four minutes,
for about 0.10 US dollars. With `TWILIO_ACCOUNT_SID` and `TWILIO_AUTH_TOKEN` your Twilio account is
looked at; no call is placed. What was seen is kept in `conformance.json` beside this page, the
sessions themselves (without their sound) in `out/conformance/`.

"From" tells how we know. *Documentation* is the service's own; *reported* was seen by others;
*SDK* was read in the client library; *memory* is nowhere written, and the weakest.
"""

_NOT_TRIED = "not yet tried against the real service"
_HOW_TO_CALL = (
    'For "call", run `make stack` behind a tunnel (see the README), and ring the number.\n'
)


def write_page(
    gemini: Sequence[Behaviour],
    twilio: Sequence[Behaviour],
    stand_in: Mapping[str, Outcome],
    results: Results,
) -> str:
    """The whole page. `stand_in` has an outcome for every probe of `gemini`."""
    parts = [
        _HEAD,
        "## Gemini Live\n",
        _gemini_summary(gemini, stand_in, results.gemini),
        _table(
            ("what we rely on", "from", "what depends on it", "our stand-in", "the real service"),
            (_gemini_row(behaviour, stand_in, results.gemini) for behaviour in gemini),
        ),
        "## Twilio\n",
        _twilio_summary(results.twilio),
        _table(
            ("what we rely on", "from", "what depends on it", "how to try it", "the real service"),
            (_twilio_row(behaviour, results.twilio) for behaviour in twilio),
        ),
    ]
    return "\n".join(parts)


def verdict_in_words(verdict: Verdict) -> str:
    match verdict:
        case Same():
            return "the same"
        case Differs(real, stand_in, note):
            said = f" (“{note}”)" if note else ""
            return f"differs: {in_words(real)}{said}; the stand-in: {in_words(stand_in)}"
        case Unknown(why):
            return f"could not be observed: {why}"
        case NotTried():
            return _NOT_TRIED
        case _:
            assert_never(verdict)


def _verdict(
    behaviour: Behaviour, stand_in: Mapping[str, Outcome], real: PeerResults | None
) -> Verdict:
    outcome = real.outcomes.get(behaviour.id) if real else None
    return compare(stand_in.get(behaviour.id), outcome)


def _gemini_summary(
    behaviours: Sequence[Behaviour], stand_in: Mapping[str, Outcome], real: PeerResults | None
) -> str:
    if real is None:
        return f"{_NOT_TRIED.capitalize()}.\n"
    counts = Counter(
        type(_verdict(behaviour, stand_in, real)) for behaviour in behaviours if behaviour.probe
    )
    return (
        f"Tried on {real.date} against {real.endpoint} with {real.model}: {counts[Same]} the same,"
        f" {counts[Differs]} different, {counts[Unknown]} could not be observed,"
        f" {counts[NotTried]} not tried.\n"
    )


def _gemini_row(
    behaviour: Behaviour, stand_in: Mapping[str, Outcome], real: PeerResults | None
) -> Sequence[str]:
    if behaviour.probe is None:
        return (*_common(behaviour), "", behaviour.by_hand)
    verdict = _verdict(behaviour, stand_in, real)
    words = _foreign(verdict_in_words(verdict))
    return (
        *_common(behaviour),
        _stand_in_cell(behaviour, stand_in.get(behaviour.id)),
        f"**{words}**" if isinstance(verdict, Differs) else words,
    )


def _stand_in_cell(behaviour: Behaviour, outcome: Outcome | None) -> str:
    match outcome:
        case Observed(facts=facts):
            expected = behaviour.probe is None or facts == behaviour.probe.expected
            return in_words(facts) if expected else f"**{in_words(facts)}**"
        case NotObserved(why=why):
            return f"**could not be observed: {why}**"
        case None:
            return ""


def _twilio_summary(real: PeerResults | None) -> str:
    if real is None:
        return f"{_NOT_TRIED.capitalize()}. {_HOW_TO_CALL}"
    return (
        f"An account was looked at on {real.date}, through {real.endpoint}. The lines that need a"
        f" call are {_NOT_TRIED}. {_HOW_TO_CALL}"
    )


def _twilio_row(behaviour: Behaviour, real: PeerResults | None) -> Sequence[str]:
    outcome = real.outcomes.get(behaviour.id) if real else None
    match outcome:
        case Observed(facts=facts):
            seen = in_words(facts)
        case NotObserved(why=why):
            seen = f"could not be observed: {why}"
        case None:
            seen = _NOT_TRIED
    return (*_common(behaviour), behaviour.by_hand, _foreign(seen))


def _common(behaviour: Behaviour) -> Sequence[str]:
    source = f"{behaviour.source.kind.value}: {behaviour.source.where}"
    return (behaviour.statement, source, behaviour.depends)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(_cell(text) for text in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _foreign(text: str) -> str:
    """Words of a peer must not become markup."""
    return text.replace("<", "&lt;").replace("`", "'").replace("*", "·")
