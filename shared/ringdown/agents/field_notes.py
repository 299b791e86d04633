"""Notes on the fields, for people who edit agents."""

import textwrap
from dataclasses import dataclass

from ringdown.agents.yaml_text import field_yaml
from ringdown.gemini.models import MODELS
from ringdown.tools import Json

_WIDTH = 94


@dataclass(frozen=True, slots=True)
class FieldNote:
    """A note on one field. `example` is a possible value, for fields that are empty by default.

    Forms show `label` or, if it is empty, the field's name.
    """

    text: str
    example: Json = None
    label: str = ""


FIELD_NOTES = {
    "instructions": FieldNote("Tells the model who it is, what it knows and how to work."),
    "greeting": FieldNote("What the agent says first, word for word."),
    "notice": FieldNote(
        "Said before the agent speaks. By default, it says that this is an AI and that the call is"
        ' transcribed. Write "" to say nothing.',
        "I'm an AI. This call is transcribed.",
    ),
    "voice": FieldNote("One of Gemini's voices: Kore, Puck, Charon, Aoede …"),
    "volume_db": FieldNote(
        "How much louder the voice is, in decibels: -12 to 12.", 3, label="Volume"
    ),
    "language": FieldNote("The language it speaks, with a country: en-US, de-DE, pt-BR."),
    "languages": FieldNote(
        "Other languages that callers may speak; this helps to transcribe them.",
        ["en-US", "es-US"],
        label="Callers also speak",
    ),
    "vocabulary": FieldNote(
        "Words and names that callers use and that are easily misheard.",
        ["Ringdown", "Käthe"],
        label="Words easily misheard",
    ),
    "model": FieldNote(f"The Gemini Live model: {', '.join(MODELS)}."),
    "temperature": FieldNote("0 to 2; higher is more varied. Newer models may ignore it.", 0.7),
    "thinking": FieldNote(
        "How much a thinking model thinks before it speaks: minimal, low, medium or high.",
        "low",
    ),
    "tools": FieldNote(
        "Names of the tools it may call.", ["lookup_account"], label="Tools it may call"
    ),
    "before_call": FieldNote(
        "The tool to call while the phone rings; what it knows about the caller becomes"
        " {caller_facts}.",
        "known_customer",
        label="Called while the phone rings",
    ),
    "google_search": FieldNote(
        "Whether it may search the web with Google Search, which Google bills separately.",
        label="May search the web",
    ),
    "photos": FieldNote(
        "Whether it may ask callers for a photo, by texting them a link. Needs the tool"
        " ask_for_photo.",
        label="May ask for photos",
    ),
    "keep_photos": FieldNote(
        "Whether to keep what callers send as long as the call's record. Otherwise it is deleted"
        " when the call ends.",
        label="Keep photos with the call",
    ),
    "fallback_number": FieldNote(
        "Where callers are sent when the agent can't answer, or when they press 0.",
        "+14155550199",
    ),
    "transfer_numbers": FieldNote(
        "People the agent may transfer to, by name: numbers, sip: addresses or client: names.",
        {"billing": "+14155550150"},
        label="May transfer to",
    ),
    "transfer_accept": FieldNote(
        "Whether that person hears who is calling and must press 1 to take the call, so that"
        " voicemail can't take it.",
        label="They press 1 to take the call",
    ),
    "protect_greeting": FieldNote(
        "Whether the greeting plays to the end even if the caller talks over it.",
        label="Always play the whole greeting",
    ),
    "turn_taking": FieldNote(
        "How long a pause may be (quick, normal or patient), and how easily the caller interrupts"
        " (high, or low for noisy lines)."
    ),
    "idle": FieldNote(
        "When the agent asks whether a silent caller is still there, and when it says goodbye."
    ),
    "waiting_phrases": FieldNote(
        "What it says, in turn, while a tool that asks for a phrase is slow.",
        ["One moment, please.", "I am still looking."],
        label="Said while a tool is slow",
    ),
    "max_call_s": FieldNote("How long a call may last, in seconds.", label="Longest call (s)"),
    "max_cost_usd": FieldNote(
        "The most that the model may cost per call, in dollars.",
        1.5,
        label="Most a call may cost ($)",
    ),
    "time_zone": FieldNote(
        "The agent's time zone; needed for opening_hours and {local_time}.", "Europe/Berlin"
    ),
    "opening_hours": FieldNote(
        "When the agent answers; by default, always. Days you leave out are closed. Outside these"
        " hours it plays a message, transfers to fallback_number, or answers anyway.",
        {
            "monday": "09:00-17:30",
            "saturday": "10:00-12:00, 13:00-15:00",
            "closed_on": ["12-25"],
            "outside": "message",
        },
        label="This agent has opening hours",
    ),
    "record": FieldNote(
        "Whether to record each call's audio and keep it as long as the transcript. The notice must"
        " say so.",
        label="Record calls",
    ),
    "remember_callers": FieldNote(
        "Whether to keep a short summary of a call for the caller's next one ({caller_memory}).",
        label="Remembers callers",
    ),
    "apply_to_live_calls": FieldNote(
        "Whether new instructions also reach live calls.", label="Edits reach live calls"
    ),
    "examples": FieldNote(
        "Sentences that callers say, and what the reply must contain. To try them: ringdown agents"
        " try",
        [{"caller": "What does it cost?", "answer_contains": ["twenty dollars"]}],
    ),
    "after_call": FieldNote(
        "What you want to know about each call once it is over: what a good call achieves, and"
        " what to find out.",
        {
            "success": "The order is placed and confirmed.",
            "fields": [{"name": "order_number", "description": "The number of the order."}],
        },
    ),
    "testers": FieldNote("Numbers of the people who hear this draft when they call."),
    "publish": FieldNote("Set it to true to publish the draft."),
    # Nested fields, which only the form explains separately
    "turn_taking.patience": FieldNote("How long a pause may be before the agent replies."),
    "turn_taking.start_sensitivity": FieldNote(
        "What it takes to interrupt the agent.", label="Interrupted by"
    ),
    "idle.nudge_after_s": FieldNote(
        "When the agent asks whether a silent caller is still there.",
        label="Asks a silent caller after (s)",
    ),
    "idle.goodbye_after_s": FieldNote(
        "When the agent says goodbye to a silent caller, and hangs up.",
        label="Says goodbye after (s)",
    ),
    "idle.background_after_s": FieldNote(
        "After this long, voices that the agent doesn't answer (a television, say) count as"
        " silence.",
        label="Other voices count as silence after (s)",
    ),
    "opening_hours.monday": FieldNote("09:00-12:00, 13:00-17:30 or 24h. Leave it empty if closed."),
    "opening_hours.closed_on": FieldNote("2026-12-25, or 12-25 for every year.", label="Days off"),
    "opening_hours.outside": FieldNote("", label="Outside these hours"),
    "opening_hours.message": FieldNote(
        'Leave it empty for a sentence in the agent\'s language. "" says nothing.',
        label="Message outside these hours",
    ),
}


def noted_field(name: str, value: Json) -> str:
    """Return the YAML of a field that is set, under its note."""
    return f"{_comment(name)}{field_yaml(name, value)}"


def offered_field(name: str, default: Json) -> str:
    """Return the YAML of an unset field, commented out, under its note."""
    note = FIELD_NOTES.get(name)
    shown = note.example if note is not None and note.example is not None else default
    lines = field_yaml(name, shown).splitlines()
    return _comment(name) + "".join(f"# {line}\n" for line in lines)


def _comment(name: str) -> str:
    note = FIELD_NOTES.get(name)
    if note is None:
        return ""
    return "".join(f"# {line}\n" for line in textwrap.wrap(note.text, _WIDTH))
