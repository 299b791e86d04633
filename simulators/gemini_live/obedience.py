"""Sentences that aren't in the scenario but follow from what the client asks the model to do.

If a text asks for something "word for word", in quotation marks, the model says exactly that,
whatever the scenario says. In a reply's `say`, `{quoted}` stands for the words in quotation
marks in the text it replies to, such as a greeting. `{instructed}` stands for what the session's
instructions say about the question: the stand-in doesn't understand them, and can only repeat them.
"""

import re
from dataclasses import replace
from typing import assert_never

from simulators.gemini_live.faults import Misquote
from simulators.gemini_live.replies import Answer
from simulators.speech.recognition import normalise

_QUOTED = re.compile(r'"(.+)"', re.DOTALL)
_RECITAL = re.compile(r'word for word: "(.+)"\s*', re.DOTALL)
_PARAGRAPHS = 2
_SHORTEST_WORD = 4  # shorter ones are in every sentence
_STEM = 4  # enough to match "cost" with "costs", and "deliver" with "delivery"
NOTHING_KNOWN = "I do not know that."


def obey(answer: Answer, question: str, instructions: str) -> Answer:
    """Fill in the placeholders in `answer`."""
    say = answer.reply.say
    if say is None or "{" not in say:
        return answer
    quoted = _QUOTED.search(question)
    say = say.replace("{quoted}", quoted[1] if quoted else NOTHING_KNOWN)
    if "{instructed}" in say:
        say = say.replace("{instructed}", answer_from(instructions, question))
    return replace(answer, reply=replace(answer.reply, say=say))


def recited(text: str) -> str | None:
    """Return what `text` asks the model to say word for word, if anything."""
    asked = _RECITAL.search(text)
    return None if asked is None else asked[1]


def misquoted(text: str, how: Misquote) -> str:
    """Misquote `text` the way models do."""
    match how:
        case "other_words":
            return f"Sure. {text}"
        case "cut_off":
            words = text.split()
            return " ".join(words[: (len(words) + 1) // 2])
        case _:
            assert_never(how)


def answer_from(instructions: str, question: str) -> str:
    """Return the paragraphs of `instructions` that share the most words with `question`."""
    paragraphs = _paragraphs(instructions)
    asked = _stems(question)
    scores = [len(asked & _stems(paragraph)) for paragraph in paragraphs]
    ranked = sorted(range(len(paragraphs)), key=lambda n: (-scores[n], n))
    best = sorted(n for n in ranked[:_PARAGRAPHS] if scores[n])
    return " ".join(paragraphs[n] for n in best) or NOTHING_KNOWN


def _paragraphs(text: str) -> list[str]:
    """Split `text` into paragraphs and list items, without headings."""
    parts = re.split(r"\n\s*\n|\n(?=\s*[-*•]\s)", text)
    found = (" ".join(part.split()).lstrip("-*• ") for part in parts)
    return [part for part in found if normalise(part) and not part.endswith(":")]


def _stems(text: str) -> frozenset[str]:
    words = normalise(text).split()
    return frozenset(word[:_STEM] for word in words if len(word) >= _SHORTEST_WORD)
