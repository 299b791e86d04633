"""What the person who edits an agent is told about each field."""

import textwrap
from dataclasses import dataclass

from ringdown.agents.yaml_text import field_yaml
from ringdown.gemini.models import MODELS
from ringdown.tools import Json

_WIDTH = 94


@dataclass(frozen=True, slots=True)
class FieldNote:
    """`example` is what could stand there, for fields that are empty if nothing is written.

    A form calls the field `label`, or by its name.
    """

    text: str
    example: Json = None
    label: str = ""


FIELD_NOTES = {
    "instructions": FieldNote("What the model is told: who it is, what it knows, how it works."),
    "greeting": FieldNote("What the agent says first, word for word."),
    "notice": FieldNote(
        "Said before the agent speaks. Without it: that this is an AI, and that the call is"
        ' transcribed. "" for nothing.',
        "I'm an AI. This call is transcribed.",
    ),
    "voice": FieldNote("One of Gemini's voices: Kore, Puck, Charon, Aoede …"),
    "volume_db": FieldNote(
        "How much louder the voice is, in decibels: -12 to 12.", 3, label="Volume"
    ),
    "language": FieldNote("What it speaks, as language and country: en-US, de-DE, pt-BR."),
    "languages": FieldNote(
        "What callers may speak, besides; helps to write down what they say.",
        ["en-US", "es-US"],
        label="Callers also speak",
    ),
    "vocabulary": FieldNote(
        "Words and names that callers say, and that are easily misheard.",
        ["Ringdown", "Käthe"],
        label="Words easily misheard",
    ),
    "model": FieldNote(f"The Gemini Live model: {', '.join(MODELS)}."),
    "temperature": FieldNote("0 to 2; higher is more varied. Newer models may ignore it.", 0.7),
    "thinking": FieldNote(
        "How much a model that thinks does so before it speaks: minimal, low, medium or high.",
        "low",
    ),
    "tools": FieldNote(
        "Names of the tools it may call.", ["lookup_account"], label="Tools it may call"
    ),
    "before_call": FieldNote(
        "The tool that is called while the phone rings; what it knows of the caller is"
        " {caller_facts}.",
        "known_customer",
        label="Called while the phone rings",
    ),
    "google_search": FieldNote(
        "Whether it may look things up on the web with Google Search, which Google bills apart.",
        label="May search the web",
    ),
    "photos": FieldNote(
        "Whether it may ask callers for a photo: they get a text with a link. Needs the tool"
        " ask_for_photo.",
        label="May ask for photos",
    ),
    "keep_photos": FieldNote(
        "Whether what callers send is kept as long as the call's record. Otherwise it is deleted"
        " when the call ends.",
        label="Keeps photos with the call",
    ),
    "fallback_number": FieldNote(
        "Where callers are sent when the agent cannot answer, or when they press 0.",
        "+14155550199",
    ),
    "transfer_numbers": FieldNote(
        "People the agent may transfer to, by name: numbers, sip: addresses or client: names.",
        {"billing": "+14155550150"},
        label="May transfer to",
    ),
    "transfer_accept": FieldNote(
        "Whether they hear who calls, and press 1 to take the call. A mailbox doesn't.",
        label="They press 1 to take the call",
    ),
    "protect_greeting": FieldNote(
        "Whether the greeting is heard out if the caller talks over it.",
        label="The greeting is heard out",
    ),
    "turn_taking": FieldNote(
        "How long a pause may be: quick, normal or patient. How easily the caller interrupts: high,"
        " or low for noisy lines."
    ),
    "idle": FieldNote("When a silent caller is asked whether they are there, and said goodbye to."),
    "waiting_phrases": FieldNote(
        "What it says, in turn, while a tool takes long that wants a phrase said.",
        ["One moment, please.", "I am still looking."],
        label="Said while a tool takes long",
    ),
    "max_call_s": FieldNote("The longest call, in seconds.", label="Longest call (s)"),
    "max_cost_usd": FieldNote(
        "The most that the model may cost in one call, in dollars.",
        1.5,
        label="Most a call may cost ($)",
    ),
    "time_zone": FieldNote(
        "Where the agent is; needed for opening_hours and {local_time}.", "Europe/Berlin"
    ),
    "opening_hours": FieldNote(
        "When the agent answers; always, without it. Days that are left out are closed. Outside of"
        " that, it says a message, goes on to fallback_number, or does answer.",
        {
            "monday": "09:00-17:30",
            "saturday": "10:00-12:00, 13:00-15:00",
            "closed_on": ["12-25"],
            "outside": "message",
        },
        label="This agent has opening hours",
    ),
    "record": FieldNote(
        "Whether the sound of each call is kept, as long as its words. The notice must say so.",
        label="Calls are recorded",
    ),
    "remember_callers": FieldNote(
        "Whether a short summary of a call is kept for the caller's next one ({caller_memory}).",
        label="Remembers callers",
    ),
    "apply_to_live_calls": FieldNote(
        "Whether new instructions reach calls in progress, too.", label="Edits reach live calls"
    ),
    "examples": FieldNote(
        "Sentences of callers, and what must be in the answer. Try them: ringdown agents try.",
        [{"caller": "What does it cost?", "answer_contains": ["twenty dollars"]}],
    ),
    "after_call": FieldNote(
        "What you want to know of each call once it is over: what a good call achieves, and what to"
        " find out.",
        {
            "success": "The order is placed and confirmed.",
            "fields": [{"name": "order_number", "description": "The number of the order."}],
        },
    ),
    "testers": FieldNote("Numbers of the people who hear this draft when they call."),
    "publish": FieldNote("Set it to true, and the draft becomes the agent."),
    # Fields inside these, which only the form explains one by one
    "turn_taking.patience": FieldNote("How long a pause may be before the agent answers."),
    "turn_taking.start_sensitivity": FieldNote(
        "What it takes to interrupt the agent.", label="Interrupted by"
    ),
    "idle.nudge_after_s": FieldNote(
        "When a silent caller is asked whether they are there.",
        label="Asks a silent caller after (s)",
    ),
    "idle.goodbye_after_s": FieldNote(
        "When the agent says goodbye to a silent caller, and hangs up.",
        label="Says goodbye after (s)",
    ),
    "idle.background_after_s": FieldNote(
        "Voices that the agent doesn't answer for so long are a television's.",
        label="Other voices count as silence after (s)",
    ),
    "opening_hours.monday": FieldNote("09:00-12:00, 13:00-17:30 or 24h; empty is closed."),
    "opening_hours.closed_on": FieldNote("12-25 is every year.", label="Days off"),
    "opening_hours.outside": FieldNote("", label="Outside these hours"),
    "opening_hours.message": FieldNote(
        'Leave it empty for a sentence in the agent\'s language. "" says nothing.',
        label="Message outside these hours",
    ),
}


def noted_field(name: str, value: Json) -> str:
    """A field that is set, below what it is for."""
    return f"{_comment(name)}{field_yaml(name, value)}"


def offered_field(name: str, default: Json) -> str:
    """A field that is not set, as a comment to take the # from."""
    note = FIELD_NOTES.get(name)
    shown = note.example if note is not None and note.example is not None else default
    lines = field_yaml(name, shown).splitlines()
    return _comment(name) + "".join(f"# {line}\n" for line in lines)


def _comment(name: str) -> str:
    note = FIELD_NOTES.get(name)
    if note is None:
        return ""
    return "".join(f"# {line}\n" for line in textwrap.wrap(note.text, _WIDTH))
