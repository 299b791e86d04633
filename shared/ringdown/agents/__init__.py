"""Agents: what operators edit, and what answers calls.

The records here define types and sizes; `ringdown.agents.check` adds the rules that only new
documents must meet (models, voices, template fields), so that old calls stay readable when those
rules change.
"""

import hashlib
import re
from importlib import resources
from typing import Annotated, Literal

import msgspec

from ringdown.agents.after_call import AfterCall
from ringdown.agents.opening_hours import OpeningHours
from ringdown.documents import to_record
from ringdown.gemini.models import DEFAULT_MODEL, DEFAULT_VOICE
from ringdown.phone_numbers import E164
from ringdown.tools import ASK_FOR_PHOTO, Json

DEFAULT_AGENT_ID = "default"


def _suggested_number(text: str) -> str:
    digits = "".join(re.findall("[0-9]", text))
    is_international = text.strip().startswith("+") and 7 <= len(digits) <= 15
    return f"+{digits}" if is_international and digits[0] != "0" else ""


def _suggested_language(text: str) -> str:
    language, _, region = text.strip().replace("_", "-").partition("-")
    tag = f"{language.lower()}-{region.upper()}" if region else language.lower()
    return tag if re.fullmatch("[a-z]{2,3}(-[A-Z]{2})?", tag) else ""


Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
Sentence = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Term = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
PersonName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9_]{0,63}\Z",
        description="a lowercase name, such as billing or front_desk",
    ),
]
PhoneNumber = Annotated[
    str,
    msgspec.Meta(
        pattern=E164,
        description="written like +14155550100: plus, country code, digits only",
        extra={"suggest": _suggested_number},
    ),
]
Party = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"{E164}|^sips?:[^\s@]{{1,100}}@[^\s@]{{1,150}}\Z|^client:[A-Za-z0-9_.-]{{1,120}}\Z",
        description=(
            "written like +14155550100 (plus, country code, digits only), sip:desk@example.com or"
            " client:alex"
        ),
        extra={"suggest": _suggested_number},
    ),
]
"""A number or address that Twilio can dial."""
LanguageTag = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z]{2,3}(-([A-Z]{2}|[0-9]{3}))?\Z",
        description="a language and, after a hyphen, its country: en-US, de-DE, pt-BR",
        extra={"suggest": _suggested_language},
    ),
]


class TurnTaking(msgspec.Struct, frozen=True, kw_only=True):
    """How the agent decides that the caller has finished, or wants to speak."""

    patience: Literal["quick", "normal", "patient"] = "normal"
    """How long a pause may be before the agent replies; use "patient" for slow speakers."""
    start_sensitivity: Literal["high", "low"] = "high"
    """With "low", it takes a clearer voice to interrupt the agent; use it for noisy lines."""


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent does about silence. Times count from the last word played to the caller."""

    nudge_after_s: Annotated[float, msgspec.Meta(ge=3, le=600)] = 10.0
    goodbye_after_s: Annotated[float, msgspec.Meta(ge=5, le=1200)] = 30.0
    background_after_s: Annotated[float, msgspec.Meta(ge=20, le=1200)] = 60.0
    """After this long, voices that the model doesn't answer (a television, say) count as
    silence."""

    def __post_init__(self) -> None:
        if self.goodbye_after_s <= self.nudge_after_s:
            raise ValueError(
                f"goodbye_after_s ({self.goodbye_after_s:g}) must be longer than nudge_after_s"
                f" ({self.nudge_after_s:g})"
            )


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's sentence, and what the agent's reply must contain (case-insensitive)."""

    caller: Sentence
    answer_contains: Annotated[tuple[Sentence, ...], msgspec.Meta(min_length=1, max_length=20)]


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as operators write it (`agents/{id}`)."""

    instructions: Text
    """Tells the model who it is and how to work; a template (`ringdown.agents.templates`)."""
    greeting: Sentence
    """What the agent says first; a template."""
    notice: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    """Spoken by Twilio before any audio streams. None: a sentence in the agent's language that
    says that this is an AI and that the call is transcribed. Empty: nothing."""
    voice: Name = DEFAULT_VOICE
    volume_db: Annotated[float, msgspec.Meta(ge=-12, le=12)] = 0.0
    """The gain over the model's own volume. Sound that would be too loud for a telephone is turned
    down, not clipped."""
    language: LanguageTag = "en-US"
    languages: Annotated[tuple[LanguageTag, ...], msgspec.Meta(max_length=10)] = ()
    """The languages to expect in transcripts and to reply in; empty for no hint."""
    vocabulary: Annotated[tuple[Term, ...], msgspec.Meta(max_length=200)] = ()
    """Words and names that callers use and that are easily misheard."""
    model: Name = DEFAULT_MODEL
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    """Higher values make replies more varied. None uses the model's default, and newer models may
    ignore other values."""
    thinking: Literal["minimal", "low", "medium", "high"] | None = None
    """How much a thinking model thinks before it speaks; None means low."""
    tools: Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)] = ()
    before_call: Name | None = None
    """The tool to call while the phone rings, for facts about the caller."""
    google_search: bool = False
    """Whether the model may search the web by itself."""
    photos: bool = False
    """Whether the agent may ask callers for photos, by texting them a link."""
    keep_photos: bool = False
    """Whether to keep what callers send as long as the call's record, not only during the call."""
    fallback_number: PhoneNumber | None = None
    """Where callers are sent when the agent can't answer, or when they press 0."""
    transfer_numbers: Annotated[dict[PersonName, Party], msgspec.Meta(max_length=100)] = {}
    """People the agent may transfer to, by name: {billing: "+14155550100"}."""
    transfer_accept: bool = True
    """Whether that person hears who is calling and must press 1 to take the call, so that voicemail
    can't take it."""
    protect_greeting: bool = True
    """Whether the greeting plays to the end even if the caller speaks over it."""
    turn_taking: TurnTaking = TurnTaking()
    idle: Idle = Idle()
    max_call_s: Annotated[int, msgspec.Meta(ge=30, le=3_540)] = 1_800
    """The longest a call may last; the caller is warned a minute before."""
    max_cost_usd: Annotated[float, msgspec.Meta(gt=0, le=1000)] | None = None
    """The most that the model may cost in one call; None for no limit."""
    time_zone: Name | None = None
    """The agent's time zone by its IANA name, such as Europe/Berlin."""
    opening_hours: OpeningHours | None = None
    """None means always open."""
    record: bool = False
    """Whether to record each call's audio. Requires a notice that says so."""
    remember_callers: bool = False
    """Whether to keep a summary of each call for the caller's next one."""
    apply_to_live_calls: bool = False
    """Whether new instructions also reach live calls."""
    waiting_phrases: Annotated[tuple[Sentence, ...], msgspec.Meta(max_length=20)] = ()
    """What the agent says, in turn, while a tool that asks for a phrase is slow."""
    examples: Annotated[tuple[Example, ...], msgspec.Meta(max_length=100)] = ()
    after_call: AfterCall | None = None
    """What to find out about each call once it is over; None for nothing."""

    @property
    def offered_tools(self) -> tuple[str, ...]:
        """The names of the tools that the model is offered, if they exist."""
        named = tuple(name for name in self.tools if name != ASK_FOR_PHOTO)
        return (*named, ASK_FOR_PHOTO) if self.photos else named

    @property
    def revision(self) -> str:
        """A hash of the agent's content: equal agents have the same revision.

        It leaves out fields at their defaults, so that adding a field to this class doesn't change
        existing revisions.
        """
        written = msgspec.json.encode(_written(self), order="sorted")
        return hashlib.sha256(written).hexdigest()[:12]


class Draft(Agent, frozen=True, kw_only=True):
    """An agent that answers only its testers (`drafts/{id}`) until it is published."""

    testers: Annotated[tuple[PhoneNumber, ...], msgspec.Meta(max_length=100)] = ()
    """The callers who hear the draft. Caller ID can be spoofed, so this doesn't protect secrets."""
    publish: bool = False
    """Set it to true to publish the draft."""


DRAFT_FIELDS = frozenset(Draft.__struct_fields__) - frozenset(Agent.__struct_fields__)


def packaged_document() -> Json:
    """Return the agent that ships with Ringdown, as operators would write it."""
    import yaml  # lazy: the stream handler never calls this, and is deployed without PyYAML

    text = (resources.files("ringdown") / "packaged" / "default.yaml").read_text("utf-8")
    return yaml.safe_load(text)


def packaged_agent() -> Agent:
    """Return the agent that answers when no stored one can."""
    return to_record(Agent, packaged_document(), where="the packaged agent")


def _written(record: msgspec.Struct) -> dict[str, object]:
    """Return the fields that differ from their defaults."""
    written: dict[str, object] = {}
    for field in msgspec.structs.fields(record):
        value = getattr(record, field.name)
        default = {} if field.default_factory is dict else field.default
        if value != default:
            written[field.name] = _written(value) if isinstance(value, msgspec.Struct) else value
    return written
