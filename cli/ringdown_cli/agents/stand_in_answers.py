"""Makes the stand-in model answer an agent's examples from the agent's instructions.

It understands nothing. But a real model can't say more than its instructions contain either, so an
example that fails with the stand-in asks for a fact that they lack.
"""

from collections.abc import Sequence

from ringdown.agents import Example
from simulators.gemini_live.obedience import NOTHING_KNOWN, answer_from
from simulators.gemini_live.scenario import Pace, Reply, Scenario, Turn


def stand_in_scenario(instructions: str, examples: Sequence[Example]) -> Scenario:
    """Return a scenario with a turn for each example. Longer examples come first, because one may
    contain another."""
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
