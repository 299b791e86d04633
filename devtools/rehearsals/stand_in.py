"""Makes a stand-in's scenario from the personas, for rehearsals without a key.

The stand-in understands nothing: it recognises the personas' lines, and replies with what the
instructions say about them. The packaged personas' scenario follows the packaged instructions.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from devtools.rehearsals.caller import voice_of
from ringdown.agents import Agent
from ringdown.rehearsals import Persona
from ringdown.rehearsals.persona_text import packaged_personas
from ringdown.tools import Json
from ringdown_cli.command import CannotGoOn
from simulators.gemini_live.obedience import answer_from
from simulators.gemini_live.scenario_file import parse_scenario
from simulators.gemini_live.session import RECOGNITION_HZ
from simulators.speech.recognition import Recognizer, UnknownWord, normalise

PACKAGED = Path(__file__).parents[2] / "simulators" / "scenarios" / "rehearsal.yaml"
_ENGLISH = "en"
_NO_KEY = "Without a Gemini key, a stand-in answers the calls, and"
_OR_SET_A_KEY = "Or set GEMINI_API_KEY, or GEMINI_BACKEND=vertex, for the real model."


def stand_in_scenario(personas: Sequence[Persona], agent: Agent) -> str:
    """Return a scenario file. Raises CannotGoOn if the stand-in can't understand one of the
    personas."""
    if all(packaged_personas().get(persona.name) == persona for persona in personas):
        return PACKAGED.read_text("utf-8")
    turns = list(_turns(personas, agent.instructions))
    model: dict[str, Json] = {
        "greeting": {"say": "{quoted}"},
        "turns": turns,
        "unknown": {"say": "I did not catch that. Could you say it again?"},
        **_recognition(personas),
    }
    text: str = yaml.safe_dump({"model": model}, allow_unicode=True, sort_keys=False)
    if "recognition" not in model:
        _check_words(text)
    return text


def _turns(personas: Sequence[Persona], instructions: str) -> Iterator[dict[str, Json]]:
    """Yield a reply to each sentence, and a hangup where the agent should hang up."""
    known = set()
    for persona in personas:
        followed = zip(persona.lines, (*persona.lines[1:], None), strict=True)
        for line, after in followed:
            if line.say is None or normalise(line.say) in known:
                continue
            known.add(normalise(line.say))
            turn: dict[str, Json] = {"name": f"line {len(known)}", "heard": line.say}
            if after is not None and after.wait is not None:
                yield {**turn, "say": "Goodbye.", "call": {"tool": "end_call", "args": {}}}
            else:
                yield {**turn, "say": answer_from(instructions, line.say)}


def _recognition(personas: Sequence[Persona]) -> dict[str, Json]:
    """English is recognised in any voice; other languages in one voice at a time."""
    if all(persona.language.partition("-")[0] == _ENGLISH for persona in personas):
        return {}
    voices = {voice_of(persona) for persona in personas}
    if len(voices) > 1:
        raise CannotGoOn(
            f"{_NO_KEY} it understands English, or one other voice at a time. Name personas with"
            f" the same voice: ringdown agents rehearse AGENT PERSONA …\n{_OR_SET_A_KEY}"
        )
    (voice,) = voices
    recognition = {
        "by": "matching",
        "voice": voice.name,
        "words_per_minute": voice.words_per_minute,
    }
    return {"recognition": recognition, "voice": voice.name}


def _check_words(scenario: str) -> None:
    try:
        Recognizer(parse_scenario(scenario).phrases, rate_hz=RECOGNITION_HZ)
    except UnknownWord as error:
        raise CannotGoOn(f"{_NO_KEY} it can't hear this: {error}.\n{_OR_SET_A_KEY}") from None
