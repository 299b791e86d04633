"""What the stand-in answers to an agent's examples: what the instructions say about them.

It understands nothing. But whatever an answer must contain, a model can only say if it is told, so
an example that fails even here names a fact that is not in the instructions.
"""

import re
from collections.abc import Sequence

from ringdown.agents import Example
from simulators.gemini_live.scenario import Pace, Reply, Scenario, Turn
from simulators.speech.recognition import normalise

_PARAGRAPHS = 2
_SHORTEST_WORD = 4  # shorter ones are in every sentence
_STEM = 5  # "cost" and "costs", "deliver" and "delivery"
_NOTHING_KNOWN = "I do not know that."


def stand_in_scenario(instructions: str, examples: Sequence[Example]) -> Scenario:
    """One answer for each example. The longest come first: a text may contain another."""
    longest_first = sorted(examples, key=lambda example: -len(example.caller))
    turns = {
        example.caller: Turn(
            name=f"example {number}",
            text=example.caller,
            reply=Reply(say=answer_from(instructions, example.caller)),
        )
        for number, example in enumerate(longest_first)
    }
    return Scenario(
        turns=tuple(turns.values()),
        unknown=Reply(say=_NOTHING_KNOWN),
        pace=Pace(thinking_ms=0, chunk_ms=200, speed=200),
    )


def answer_from(instructions: str, question: str) -> str:
    """The paragraphs of `instructions` that share the most words with `question`, in order."""
    paragraphs = _paragraphs(instructions)
    asked = _stems(question)
    scores = [len(asked & _stems(paragraph)) for paragraph in paragraphs]
    ranked = sorted(range(len(paragraphs)), key=lambda n: (-scores[n], n))
    best = sorted(n for n in ranked[:_PARAGRAPHS] if scores[n])
    return " ".join(paragraphs[n] for n in best) or _NOTHING_KNOWN


def _paragraphs(text: str) -> list[str]:
    """Paragraphs and items of lists, without headings."""
    parts = re.split(r"\n\s*\n|\n\s*[-*•]\s", f"\n{text}")
    found = (" ".join(part.split()) for part in parts)
    return [part for part in found if normalise(part) and not part.endswith(":")]


def _stems(text: str) -> frozenset[str]:
    words = normalise(text).split()
    return frozenset(word[:_STEM] for word in words if len(word) >= _SHORTEST_WORD)
