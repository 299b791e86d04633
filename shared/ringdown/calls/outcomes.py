"""What came of a call for the business, found out after the call."""

import datetime
import enum
from typing import Protocol

import msgspec

Value = str | int | float | bool


class Success(enum.StrEnum):
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a field, and the turn that is its evidence; both are None without evidence."""

    value: Value | None = None
    turn: int | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out (`calls/{sid}/outcome/answers`), or why nothing was."""

    questions: str
    """The revision of the agent's `after_call` whose questions were asked."""
    asked_at: datetime.datetime
    fields: dict[str, Finding] = {}
    """Findings by name, for all fields that were asked about."""
    success: Success = Success.UNCLEAR
    success_turn: int | None = None
    """The turn that is the evidence for a yes or no."""
    summary: str = ""
    """One line in the model's words. Like the topic and the follow-up, it needs no evidence."""
    topic: str = ""
    follow_up: str | None = None
    """What the business still has to do; None for nothing."""
    model: str = ""
    cost_usd: float = 0.0
    problem: str | None = None
    """Why answers are missing, and what to do; None if there are some."""
    tries: int = 1
    """How often the model was asked in vain, if there is a problem."""


STANDINGS = (*(success.value for success in Success), "problem")


def standing(outcome: Outcome) -> str:
    """Sum up the outcome in one word: yes, no, unclear or problem."""
    return outcome.success.value if outcome.problem is None else "problem"


class OutcomeStore(Protocol):
    """Stores outcomes. Raises StoreUnavailable when the store doesn't answer."""

    async def keep_outcome(self, call_sid: str, outcome: Outcome) -> bool:
        """Write the outcome next to the call's turns, to expire with the call, and write its
        `standing` into the call, for lists.

        Writes nothing and returns False if the call is gone, or if `kept` says that the stored
        outcome stays.
        """


def kept(before: Outcome | None, outcome: Outcome) -> Outcome | None:
    """Return what replaces `before`; None if that stays. Only later answers to other questions
    replace answers, so that a message delivered twice changes nothing."""
    if before is None:
        return outcome
    if before.problem is not None:
        tries = before.tries + 1 if before.questions == outcome.questions else 1
        return msgspec.structs.replace(outcome, tries=tries) if outcome.problem else outcome
    is_later = outcome.asked_at > before.asked_at and outcome.questions != before.questions
    return outcome if outcome.problem is None and is_later else None
