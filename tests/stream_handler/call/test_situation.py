"""When the similar questions about a quiet line have the same answer, and when they don't."""

import msgspec
import pytest

from stream_handler.call.situation import Situation

AFTER_A_REPLY = Situation(
    talking=True,
    goodbye_begun=False,
    caller_speaks=False,
    caller_waits=False,
    types_secret=False,
    playing=False,
    generating=False,
    agent_has_spoken=True,
    agent_spoke_last=True,
    first_turn_empty=False,
    listening=True,
    reconnecting=False,
    connecting_after_clip=False,
    awaits_upload=False,
    tools_run=False,
    waiting_with=frozenset(),
)
QUESTIONS = (
    "is_silent",
    "may_be_shown",
    "is_between_turns",
    "session_may_be_left",
    "model_may_owe_a_word",
    "caller_waits_in_silence",
)


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, "is_silent may_be_shown is_between_turns session_may_be_left model_may_owe_a_word"),
        ({"caller_speaks": True}, ""),
        ({"playing": True}, "session_may_be_left"),
        ({"generating": True}, "model_may_owe_a_word"),
        ({"generating": True, "playing": True}, "model_may_owe_a_word"),
        ({"listening": False}, "is_between_turns session_may_be_left"),
        (
            {"listening": False, "reconnecting": True},
            "is_between_turns session_may_be_left caller_waits_in_silence",
        ),
        ({"tools_run": True, "waiting_with": frozenset({"tone"})}, "caller_waits_in_silence"),
        ({"tools_run": True, "waiting_with": frozenset({"nothing"})}, ""),
        (
            {"tools_run": True, "waiting_with": frozenset({"tone"}), "types_secret": True},
            "",
        ),
        (
            {"tools_run": True, "waiting_with": frozenset({"tone"}), "generating": True},
            "caller_waits_in_silence",
        ),
        (
            {"caller_waits": True, "agent_spoke_last": False},
            "is_silent may_be_shown model_may_owe_a_word",
        ),
        (
            {"agent_has_spoken": False, "agent_spoke_last": False},
            "is_between_turns session_may_be_left",
        ),
        ({"talking": False}, "session_may_be_left"),
        (
            {"awaits_upload": True},
            "may_be_shown is_between_turns session_may_be_left model_may_owe_a_word",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_what_holds_after_a_reply_and_a_change(change: dict[str, object], holds: str) -> None:
    situation = msgspec.structs.replace(AFTER_A_REPLY, **change)

    assert [question for question in QUESTIONS if getattr(situation, question)] == holds.split()


def test_a_goodbye_is_heard_whether_or_not_the_caller_answers_it() -> None:
    said = msgspec.structs.replace(AFTER_A_REPLY, talking=False, goodbye_begun=True)

    assert said.goodbye_is_heard
    assert msgspec.structs.replace(said, caller_speaks=True).goodbye_is_heard
    assert not msgspec.structs.replace(said, playing=True).goodbye_is_heard
    assert not msgspec.structs.replace(said, generating=True).goodbye_is_heard
