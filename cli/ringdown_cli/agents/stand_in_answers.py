"""The stand-in model's answers to an agent's examples: what the instructions say about them.

It understands nothing. But a model can only say what its instructions contain, so an example that
fails even here asks for a fact that isn't in them.
"""

from collections.abc import Sequence

from ringdown.agents import Example
from simulators.gemini_live.obedience import NOTHING_KNOWN, answer_from
from simulators.gemini_live.scenario import Pace, Reply, Scenario, Turn


def stand_in_scenario(instructions: str, examples: Sequence[Example]) -> Scenario:
    """One answer per example, longest first, because a text may contain another."""
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
        unknown=Reply(say=NOTHING_KNOWN),
        pace=Pace(thinking_ms=0, chunk_ms=200, speed=200),
    )
