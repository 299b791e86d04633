"""Rehearsals: the personas that call an agent before real callers do, and what must happen.

A persona is a caller described by operators. A rehearsal lets personas call an agent, or its draft,
and keeps the results: a head (`Rehearsal`) and one document for each call (`PersonaRun`).
"""

import datetime
from typing import Annotated, Literal

import msgspec

from ringdown.agents import LanguageTag, Name, Sentence
from ringdown.calls import CallRecord, EndReason
from ringdown.calls.outcomes import Success, Value
from ringdown.tools import Json

RETENTION = datetime.timedelta(days=90)
"""How long a rehearsal is kept. What callers say in it is made up."""

PersonaName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9-]{0,63}\Z",
        description="a lowercase name, such as wants-a-person",
    ),
]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=120)]


# Who calls


class Manner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the caller speaks."""

    slow: bool = False
    interrupting: bool = False
    """Talks over the agent, without waiting for it to finish."""
    unsure: bool = False
    """Begins each sentence with an "um"."""
    voice: Name | None = None
    """One of espeak-ng's voices, such as en-us+f2; None: one that speaks the persona's language."""


class LineQuality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the telephone does to the caller's voice. Noise and loss differ from run to run."""

    background: Literal["silence", "no_frames", "comfort_noise", "television", "hold_music"] = (
        "silence"
    )
    noise_dbfs: Annotated[float, msgspec.Meta(ge=-90, le=-20)] | None = None
    """Background hiss; speech is at about -25."""
    echo_db: Annotated[float, msgspec.Meta(ge=-60, le=-6)] | None = None
    """An echo of the agent's voice, this much quieter."""
    lost_percent: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0.0
    """The share of the caller's frames (20 ms each) that never arrive."""


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The moment for a line. Exactly one field is given."""

    agent_silent_s: Seconds | None = None
    """The agent has replied, and has been silent for this long."""
    agent_speaking_s: Seconds | None = None
    """The agent has been speaking for this long: the caller interrupts."""
    agent_says: Sentence | None = None
    """The agent has said this, in any reply so far, and is silent."""
    after_s: Seconds | None = None
    """This long after the previous line."""

    def __post_init__(self) -> None:
        if sum(getattr(self, name) is not None for name in self.__struct_fields__) != 1:
            raise ValueError(f"give one of {', '.join(self.__struct_fields__)}")


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the caller does next: exactly one of `say`, `make`, `press`, `hang_up` and `wait`."""

    say: Sentence | None = None
    make: Literal["cough", "door"] | None = None
    press: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#w]{1,64}\Z")] | None = None
    """Keys; w is a half-second pause."""
    hang_up: Literal[True] | None = None
    wait: Literal["hangup"] | None = None
    """Wait for the agent to end the call."""
    when: When | None = None
    """None means when the agent has replied, and has been silent for a moment."""
    within_s: Seconds = 30.0
    """How long the caller waits for that moment, or for the agent to hang up."""

    def __post_init__(self) -> None:
        actions = ("say", "make", "press", "hang_up", "wait")
        if sum(getattr(self, name) is not None for name in actions) != 1:
            raise ValueError(f"give one of {', '.join(actions)}")


class CannedResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tool returns in a rehearsal: `output`, `error` or a fault. No real tool is called."""

    args: dict[str, Json] | None = None
    """The result is for calls with these arguments (and possibly others); None: for any call."""
    output: dict[str, Json] | None = None
    error: Words | None = None
    fault: Literal["server_error", "garbled", "hangs"] | None = None
    """How the tool breaks: HTTP status 500, invalid JSON, or no response."""
    after_s: Seconds = 0.0

    def __post_init__(self) -> None:
        if sum(it is not None for it in (self.output, self.error, self.fault)) != 1:
            raise ValueError("give one of output, error, fault")


# What must happen


class ExpectedCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool, or a built-in function such as end_call, that must be called."""

    tool: Name
    args: dict[str, Json] | None = None
    """Exactly these arguments, to the digit; None: any."""
    times: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = 1
    """How often it must be called with these arguments; None: at least once."""


class Promise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words that are a lie unless the tool was called, and succeeded, before they were said."""

    says: Sentence
    tool: Name


class Must(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must be true of a call. Each field that is given must hold."""

    tools: tuple[ExpectedCall, ...] = ()
    says: tuple[Sentence, ...] = ()
    """Words that the caller must hear from the agent at some point. Case, punctuation, and whether
    a number is in digits or words don't matter."""
    ending: EndReason | None = None
    outcome: dict[str, Value] = {}
    """Fields of the agent's `after_call`, with the values that must be found."""
    success: Success | None = None
    """What the agent's `after_call` must say about the call's success."""
    language: LanguageTag | None = None
    """The language that the agent must speak; None: the persona's."""
    reply_within_s: Annotated[float, msgspec.Meta(gt=0, le=60)] | None = None
    """The longest that the caller may have to wait for a reply."""


class MustNot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must not happen in a call."""

    tools: tuple[Name, ...] = ()
    says: tuple[Sentence, ...] = ()
    """Words, such as secrets, that the caller must not hear. Compared as in `Must.says`."""
    promises: tuple[Promise, ...] = ()


class Persona(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A made-up caller (`rehearsals/{name}`)."""

    name: PersonaName
    who: Words
    """Who calls, in a sentence or two: for people, and for the model that plays the caller."""
    wants: Words
    knows: str = ""
    """What the caller can say when asked: account numbers, names, dates."""
    agent: Name = "default"
    """Which agent the persona calls when a rehearsal names none."""
    language: LanguageTag = "en-US"
    number: Annotated[str, msgspec.Meta(pattern=r"^(\+[1-9]\d{6,14}|anonymous)\Z")] = "+14155550123"
    """The caller ID."""
    lines: Annotated[tuple[Line, ...], msgspec.Meta(max_length=60)] = ()
    """Exactly what the caller says and does; empty: a model plays the caller."""
    turns: Annotated[int, msgspec.Meta(ge=1, le=60)] = 12
    """A model that plays the caller hangs up after this many sentences."""
    manner: Manner = Manner()
    line: LineQuality = LineQuality()
    tools: dict[Name, tuple[CannedResult, ...]] = {}
    """What tools return: a call gets the first unused entry that fits its arguments; the last one
    that fits is reused. A tool without a fitting entry returns an error."""
    must: Must = Must()
    must_not: MustNot = MustNot()

    @property
    def is_scripted(self) -> bool:
        return bool(self.lines)


# What happened


class ServedTool(msgspec.Struct, frozen=True, kw_only=True):
    """A request that reached a tool, as recorded in the rehearsal's ledger."""

    tool: str
    args: dict[str, Json]
    idempotency_key: str
    at_ms: int
    """A time on the call's recording, like all times in a PersonaRun except those in its record."""
    result: CannedResult | None
    """None if the persona has no result for this request."""


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the caller said, pressed or did. `text` is what was said, or the keys."""

    what: Literal["say", "make", "press", "hang_up"]
    text: str
    start_ms: int
    end_ms: int
    interrupted_agent: bool = False
    """Whether it began while the agent was speaking."""
    agent_stopped_ms: int | None = None
    """How long the agent then kept speaking; None if it didn't stop before the caller did."""


VerdictKind = Literal["tools", "forbidden", "outcome", "call", "heard", "judge"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was checked, in operators' words."""

    kind: VerdictKind
    passed: bool | None
    """None: it couldn't be checked, and `why` says why."""
    what: str
    """What was required: "lookup_account is called once with account_number 123456"."""
    why: str = ""
    """What was found instead, or why it couldn't be checked."""
    quote: str = ""
    """The words heard that are the evidence."""


Verdicts = tuple[Verdict, ...]


class PersonaRun(msgspec.Struct, frozen=True, kw_only=True):
    """A call by a persona (`rehearsal_runs/{id}/rehearsed_calls/{persona}-{run}`).

    Its audio isn't stored: it stays in the folder where the rehearsal was made.
    """

    persona: Persona
    """The persona at the time of the call; when stored, without what it says, knows and expects."""
    run: int
    """The number of this call among the persona's calls, from 1."""
    expires_at: datetime.datetime
    seed: int
    """The seed for noise and loss."""
    model: str
    record: CallRecord | None
    """None if the call never reached the handler. Its turns contain only what was heard."""
    ledger: tuple[ServedTool, ...] = ()
    said: tuple[Spoken, ...] = ()
    silences_ms: tuple[int, ...] = ()
    """Each pause of at least 3 s in which neither side spoke."""
    alerts: tuple[str, ...] = ()
    """What Twilio's debugger would show."""
    duration_ms: int = 0
    cost_usd: float = 0.0
    """The cost of the agent's model and of its `after_call` questions."""
    caller_cost_usd: float = 0.0
    """The cost of the models that played the caller and judged the call."""
    partial: str | None = None
    """Why the call is incomplete through no fault of the agent, such as a rate limit; None if it
    is complete. A partial run neither passes nor fails."""
    unmet: str | None = None
    """What the caller waited for in vain: the agent didn't reply, or didn't hang up."""
    verdicts: Verdicts = ()
    is_shortened: bool = False
    """Whether the stored record lacks its end, because it was too long."""

    @property
    def passed(self) -> bool | None:
        """Whether the call passed; None for a partial run. The judge model's verdicts don't count,
        because it never decides alone."""
        if self.partial is not None:
            return None
        deciding = (it for it in self.verdicts if it.kind != "judge")
        return all(it.passed is not False for it in deciding)


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How often a persona's calls passed."""

    persona: str
    planned: int
    made: int
    """How many calls were completed."""
    passed: int
    failing: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    """The `what` of each fact that failed, without duplicates. Facts are all verdicts except those
    about how the call went and those of the judge model."""
    troubled: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    """Likewise for verdicts on how the call went, which also depends on the machine and network."""


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a rehearsal (`rehearsal_runs/{id}`)."""

    id: str
    """Begins with the time, so that the newest rehearsal sorts last."""
    agent_id: str
    is_draft: bool
    agent_revision: str
    model: str
    is_stand_in: bool
    """Whether a stand-in answered instead of a real model. That tests the judge and the call, but
    not the prompt."""
    began_at: datetime.datetime
    ended_at: datetime.datetime
    expires_at: datetime.datetime
    tallies: tuple[Tally, ...] = ()
    estimated_usd: float = 0.0
    cost_usd: float = 0.0
    """The cost of all models together."""
    partial: str | None = None
    """Why not all calls were made; None if they were."""

    @property
    def planned(self) -> int:
        return sum(it.planned for it in self.tallies)

    @property
    def made(self) -> int:
        return sum(it.made for it in self.tallies)

    @property
    def passed(self) -> int:
        return sum(it.passed for it in self.tallies)
