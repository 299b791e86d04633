"""Checks an agent as operators wrote it, and lists everything wrong with it in their words.

A document with errors can't answer calls; one with remarks can. Notes are for information only.
Unknown fields and undeclared tools are remarks because calls work without them, because a misspelt
setting doesn't justify falling back to an older prompt, and because processes of an older version
must be able to read what a newer one has written. Opening hours that probably aren't what was meant
are remarks, too, as are retired models, because calls use a replacement.
"""

import zoneinfo
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import msgspec

from ringdown.agents import DRAFT_FIELDS, Agent, Draft
from ringdown.agents.after_call import after_call_errors
from ringdown.agents.field_check import field_problems, plain
from ringdown.agents.opening_hours import spans_of_no_length
from ringdown.agents.phrases import has_phrases, notice_says_recorded, phrases_for
from ringdown.agents.templates import (
    CLOCK_FIELDS,
    INSTRUCTIONS_ONLY,
    fields_in,
    template_problem,
)
from ringdown.gemini.models import DEFAULT_MODEL, MODELS, RETIRED, VOICES, current, live_model
from ringdown.tools import ASK_FOR_PHOTO, DeclaredTool, Json
from ringdown.wording import did_you_mean, listed, shown

DeclaredTools: TypeAlias = Mapping[str, DeclaredTool]
"""Declared tools by name."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of a check. `agent` is None if there are errors."""

    agent: Agent | None
    errors: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    testers: tuple[str, ...] = ()
    """The numbers of a draft's testers."""
    publish: bool = False


def check_agent(document: Json, known_tools: DeclaredTools | None = None) -> Agent | list[str]:
    """Return the agent, or everything that an operator should correct, remarks included.

    `known_tools` is None if the declared tools aren't known.
    """
    found = findings(document, known_tools)
    problems = [*found.errors, *found.remarks]
    return problems if found.agent is None or problems else found.agent


def findings(document: Json, known_tools: DeclaredTools | None = None) -> Findings:
    """Check a document of `agents/`."""
    return _findings(Agent, plain(document), known_tools)


def draft_findings(document: Json, known_tools: DeclaredTools | None = None) -> Findings:
    """Check a document of `drafts/`, and find its testers even if the document is broken."""
    written = plain(document)
    found = _findings(Draft, written, known_tools)
    if found.agent is None:
        return replace(found, testers=_texts_in(written, "testers"))
    draft = msgspec.convert(written, Draft)
    remarks = found.remarks if draft.testers or draft.publish else (*found.remarks, _NOBODY_HEARS)
    return replace(found, remarks=remarks, testers=draft.testers, publish=draft.publish)


def summary(problems: Sequence[str]) -> str:
    """Return the first few of `problems`, one per line, and how many more there are."""
    more = len(problems) - _MOST_TOLD
    return "\n".join([*problems[:_MOST_TOLD], *([f"… and {more} more."] if more > 0 else [])])


def agent_document(draft: dict[str, Json]) -> dict[str, Json]:
    """Return the agent document that `draft` becomes when it is published."""
    return _without(draft, DRAFT_FIELDS)


def _findings(kind: type[Agent], document: Json, known_tools: DeclaredTools | None) -> Findings:
    problems = field_problems(kind, document)
    of_types = [problem for problem in problems if not problem.is_unknown]
    remarks = [str(problem) for problem in problems if problem.is_unknown]
    if not isinstance(document, dict):
        return Findings(None, tuple(map(str, of_types)))
    broken = {problem.field for problem in of_types}
    agent = msgspec.convert({**_BLANK, **_without(document, broken)}, Agent)
    errors = [
        *map(str, of_types),
        *(e for e in _errors(agent) if e.partition(":")[0] not in broken),
    ]
    if known_tools is not None:
        remarks += [
            *_useless_tools(agent, known_tools),
            *_no_way_to_photos(agent, known_tools),
            *_forbidden_before_call(agent, known_tools),
        ]
    remarks += [
        *_misplaced_photos(agent),
        *_unfilled_facts(agent),
        *_hours_of_no_length(agent),
        *_leaving_model(agent),
        *_english_notice(agent),
    ]
    notes = (
        *_english_phrases(agent),
        *_trusted_notice(agent),
        *_ignored_settings(agent),
        *_simplified(agent, known_tools),
    )
    return Findings(None if errors else agent, tuple(errors), tuple(remarks), notes)


_BLANK = {"instructions": "-", "greeting": "-"}
"""Values for broken fields, so that the rest of the document is checked in the same pass."""


def _texts_in(document: Json, field: str) -> tuple[str, ...]:
    texts = document.get(field) if isinstance(document, dict) else None
    return tuple(t for t in texts if isinstance(t, str)) if isinstance(texts, list) else ()


def _without(document: dict[str, Json], fields: Collection[str]) -> dict[str, Json]:
    return {name: value for name, value in document.items() if name not in fields}


_MOST_TOLD = 10
_NOBODY_HEARS = (
    "testers: is empty, so no one hears this draft. Add the numbers of the people who will try it."
)


# Errors that the types don't catch


_MOST_BYTES = 800_000
"""The size limit of an agent as JSON. A Firestore document holds 1 MiB, including the status and a
draft's testers."""


def _errors(agent: Agent) -> Iterator[str]:
    size = len(msgspec.json.encode(agent))
    if size > _MOST_BYTES:
        yield (
            f"examples: with them, the document has {size:,} bytes; the limit is {_MOST_BYTES:,}."
            " Shorten them, or remove some."
        )
    yield from _unknown_choice("voice", agent.voice, VOICES)
    if current(agent.model) not in MODELS:
        yield from _unknown_choice("model", agent.model, MODELS)
    yield from _settings_of_model(agent)
    yield from _blank_texts(agent)
    yield from _template_errors(agent)
    yield from _clock_errors(agent)
    yield from _unsaid_recording(agent)
    if agent.after_call is not None:
        yield from after_call_errors(agent.after_call)
    for name in sorted({name for name in agent.tools if agent.tools.count(name) > 1}):
        yield f"tools: {shown(name)} is listed twice. List it once."


def _unknown_choice(field: str, choice: str, known: Iterable[str]) -> Iterator[str]:
    names = sorted(known)
    if choice not in names:
        meant = did_you_mean(choice, names)
        all_names = f"{field.capitalize()}s: {', '.join(names)}."
        yield f"{field}: there is no {field} {shown(choice)}.{meant} {all_names}"


def _settings_of_model(agent: Agent) -> Iterator[str]:
    if current(agent.model) not in MODELS:
        return
    model = live_model(agent.model)
    if agent.thinking is not None and not model.thinks:
        thinkers = listed(name for name, model in MODELS.items() if model.thinks)
        yield f"thinking: {agent.model} doesn't support it. Remove it, or choose {thinkers}."
    if agent.google_search and not model.searches:
        searchers = listed(name for name, model in MODELS.items() if model.searches)
        yield (
            f"google_search: {agent.model} can't combine searching with tools. Set it to false, or"
            f" choose {searchers}."
        )


def _blank_texts(agent: Agent) -> Iterator[str]:
    for field in ("instructions", "greeting"):
        if not getattr(agent, field).strip():
            yield f"{field}: contains only spaces. Write what the agent should say or do."


def _template_errors(agent: Agent) -> Iterator[str]:
    for field in ("instructions", "greeting"):
        problem = template_problem(getattr(agent, field))
        if problem is not None:
            yield f"{field}: {problem}"
    for name in sorted(fields_in(agent.greeting) & INSTRUCTIONS_ONLY):
        yield f"greeting: {{{name}}} works only in instructions. Remove it."
    for field, text in _spoken_as_they_are(agent):
        for name in sorted(fields_in(text)):
            yield f"{field}: {{{name}}} works only in instructions and greeting. Remove it."


def _spoken_as_they_are(agent: Agent) -> Iterator[tuple[str, str]]:
    yield "notice", agent.notice or ""
    yield "opening_hours.message", (agent.opening_hours and agent.opening_hours.message) or ""


def _clock_errors(agent: Agent) -> Iterator[str]:
    if agent.time_zone is not None:
        yield from _unknown_zone(agent.time_zone)
        return
    needs = [
        f"{{{name}}} in {field}"
        for field in ("instructions", "greeting")
        for name in sorted(fields_in(getattr(agent, field)) & CLOCK_FIELDS)
    ]
    if agent.opening_hours is not None:
        needs.append("opening_hours")
    if needs:
        yield (
            f"time_zone: is missing but needed for {listed(needs, 'and')}."
            " Write where the agent is, such as Europe/Berlin or America/New_York."
        )


def _unknown_zone(name: str) -> Iterator[str]:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: it names a folder
        known = zoneinfo.available_timezones()
        city = name.strip().replace(" ", "_").lower()
        of_city = sorted(zone for zone in known if zone.lower().endswith(f"/{city}"))
        meant = f" Did you mean {of_city[0]}?" if of_city else did_you_mean(name, known)
        examples = "Time zones are written like Europe/Berlin, America/New_York or Asia/Kolkata."
        yield f"time_zone: {shown(name)} isn't a known time zone.{meant} {examples}"


def _unsaid_recording(agent: Agent) -> Iterator[str]:
    if not agent.record or notice_says_recorded(agent):
        return
    knows_words = has_phrases(agent.language)
    phrases = phrases_for(agent.language)
    if knows_words and agent.notice is None:
        write = f'Write it: "{phrases.notice} {phrases.recorded_notice}"'
    elif knows_words:
        write = f'Add to it: "{phrases.recorded_notice}"'
    else:
        write = f"Say so in {agent.language}."
    yield f"notice: doesn't say that the call is recorded, but record is true. {write}"


def _trusted_notice(agent: Agent) -> Iterator[str]:
    if agent.record and agent.notice and not has_phrases(agent.language):
        yield (
            "notice: must say that the call is recorded. Ringdown can't check this in"
            f" {agent.language}, so make sure it does."
        )


def _hours_of_no_length(agent: Agent) -> Iterator[str]:
    if agent.opening_hours is not None:
        for weekday, span in spans_of_no_length(agent.opening_hours):
            yield (
                f"opening_hours.{weekday}: {shown(span)} ends when it begins, so the line is open"
                ' for 24 hours from then. Write "24h" for the whole day, or correct the times.'
            )


def _leaving_model(agent: Agent) -> Iterator[str]:
    retired, retires = RETIRED.get(agent.model), live_model(agent.model).retires
    if retired is not None and retired.replacement in MODELS:
        yield (
            f"model: {agent.model} was retired on {retired.since}, so {retired.replacement} is"
            f" used instead. Write {retired.replacement}."
        )
    elif retires is not None:
        yield f"model: {agent.model} will be retired on {retires}. Write {DEFAULT_MODEL}."


def _english_notice(agent: Agent) -> Iterator[str]:
    if agent.notice is None and not has_phrases(agent.language):
        yield (
            f"notice: Ringdown has none in {agent.language}, so callers hear the English one, in"
            " an English voice. Write your own."
        )


def _useless_tools(agent: Agent, known: DeclaredTools) -> Iterator[str]:
    all_tools = f"Tools: {', '.join(sorted(known))}." if known else "No tool is deployed."
    named = [("tools", name) for name in dict.fromkeys(agent.tools) if name != ASK_FOR_PHOTO]
    if agent.before_call is not None:
        named.append(("before_call", agent.before_call))
    for field, name in named:
        if name not in known:
            meant = did_you_mean(name, known)
            yield f"{field}: there is no tool {shown(name)}.{meant} {all_tools}"
        elif (problem := known[name].problem) is not None:
            yield f"{field}: {shown(name)} can't be used. Correct {problem}"


def _forbidden_before_call(agent: Agent, known: DeclaredTools) -> Iterator[str]:
    tool = None if agent.before_call is None else known.get(agent.before_call)
    if tool is not None and tool.problem is None and not tool.before_call:
        yield (
            f"before_call: {agent.before_call} isn't allowed before a call. Ask the person who"
            " deploys it to set before_call: true in its tool.yaml and in its document in tools."
        )


def _no_way_to_photos(agent: Agent, known: DeclaredTools) -> Iterator[str]:
    if not agent.photos:
        return
    tool = known.get(ASK_FOR_PHOTO)
    if tool is None:
        yield (
            f"photos: the tool {ASK_FOR_PHOTO} isn't deployed, so the agent can't ask for photos."
            " docs/tools.md says what it needs."
        )
    elif tool.problem is not None:
        yield f"photos: {ASK_FOR_PHOTO} can't be used. Correct {tool.problem}"


def _misplaced_photos(agent: Agent) -> Iterator[str]:
    if ASK_FOR_PHOTO in agent.tools:
        yield f"tools: {ASK_FOR_PHOTO} comes with photos. Remove it, and set photos: true."
    if agent.keep_photos and not agent.photos:
        yield "keep_photos: has no effect without photos. Set photos: true, or remove it."


def _unfilled_facts(agent: Agent) -> Iterator[str]:
    if agent.before_call is None and "caller_facts" in fields_in(agent.instructions):
        yield (
            "instructions: {caller_facts} stays empty without before_call. Set before_call to a"
            " tool that knows the caller."
        )


# Notes


def _english_phrases(agent: Agent) -> Iterator[str]:
    if not has_phrases(agent.language):
        yield (
            f"language: Ringdown has no fixed sentences in {agent.language}. What callers hear"
            " without the model (an apology, all lines busy, goodbye) is in English."
        )


def _ignored_settings(agent: Agent) -> Iterator[str]:
    model, name = live_model(agent.model), current(agent.model)
    if agent.temperature is not None and not model.samples:
        yield f"temperature: {name} may ignore it: Google deprecated it with Gemini 3.6."
    for field in ("languages", "vocabulary"):
        if getattr(agent, field) and not model.takes_hints:
            yield f"{field}: {name} doesn't support it, so it has no effect."


def _simplified(agent: Agent, known: DeclaredTools | None) -> Iterator[str]:
    for name in dict.fromkeys(agent.tools):
        tool = None if known is None else known.get(name)
        if tool is not None and tool.simplifications:
            yield (
                f"tools: {name}: the model gets a simpler form of its parameters:"
                f" {'; '.join(tool.simplifications)}. Its arguments are still checked against the"
                " full schema."
            )
