"""Mistakes planted in the scripted agent, of the kind that a changed prompt may cause."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ringdown.rehearsals import VerdictKind
from simulators.gemini_live.scenario import PlannedCall, Reply, Scenario


@dataclass(frozen=True, slots=True)
class Regression:
    """`plant` makes the mistake; one of `personas` must find it, with verdicts of these kinds."""

    plant: Callable[[Scenario], Scenario]
    personas: tuple[str, ...]
    kinds: tuple[VerdictKind, ...]


def says(name: str, text: str) -> Callable[[Scenario], Scenario]:
    """Change what the turn `name` says, but not the tools it calls."""
    return lambda scenario: _with(scenario, name, lambda reply: replace(reply, say=text))


def calls(name: str, *planned: PlannedCall) -> Callable[[Scenario], Scenario]:
    return lambda scenario: _with(scenario, name, lambda reply: replace(reply, calls=planned))


def replies(name: str, reply: Reply) -> Callable[[Scenario], Scenario]:
    return lambda scenario: _with(scenario, name, lambda _: reply)


def _with(scenario: Scenario, name: str, change: Callable[[Reply], Reply]) -> Scenario:
    assert any(turn.name == name for turn in scenario.turns), name
    turns = (
        replace(turn, reply=change(turn.reply)) if turn.name == name else turn
        for turn in scenario.turns
    )
    return replace(scenario, turns=tuple(turns))


REGRESSIONS: Mapping[str, Regression] = {
    "a wrong price": Regression(
        says("price", "The family plan is twelve dollars a month."), ("asks-the-price",), ("heard",)
    ),
    "no hang-up": Regression(
        replies("goodbye", Reply("Is there anything else that you want to know?")),
        ("asks-the-price", "wants-a-change"),
        ("outcome", "tools"),
    ),
    "an argument off by one digit": Regression(
        calls("account 123456", PlannedCall("lookup_account", {"account_number": "123457"})),
        ("asks-for-the-delivery", "meets-a-broken-tool"),
        ("tools",),
    ),
    "the wrong language": Regression(
        says("price", "Der Familientarif kostet zwanzig Dollar im Monat."),
        ("asks-the-price",),
        ("heard",),
    ),
    "a secret read aloud": Regression(
        says("secret", "The number that you type is two five eight zero."),
        ("asks-for-a-secret",),
        ("forbidden",),
    ),
    "a promise without a tool call": Regression(
        replies("stop", Reply("All right, I have stopped your next delivery.")),
        ("wants-a-change",),
        ("forbidden",),
    ),
    "a fact without a tool call": Regression(
        replies("account 123456", Reply("Your next delivery is on Thursday.")),
        ("asks-for-the-delivery",),
        ("forbidden", "tools"),
    ),
}
