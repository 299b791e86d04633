import random

import msgspec
import pytest

from ringdown.calls import travelling_call
from ringdown.calls.travelling_call import MAX_PARAMETERS, pack, unpack
from ringdown.errors import TokenRefused
from tests.ringdown.samples import CALL_SID, a_call, an_agent

SECRET = ("s" * 64,)
OTHER_SID = CALL_SID[:-1] + "0"
CALL = a_call(agent=an_agent(notice="“Notice” – ü", transfer_numbers={"billing": "+14155550166"}))


def long_instructions(characters: int) -> str:
    """Return text that compresses no better than a real prompt."""
    words = random.Random(7)  # noqa: S311 - not for secrets
    return "".join(words.choice("abcdefghijklmnop qrstuvwxyz,.") for _ in range(characters))


def test_a_call_comes_out_as_it_was_packed() -> None:
    assert unpack(SECRET, {"token": "t", **pack(SECRET, CALL)}, call_sid=CALL_SID) == CALL


def test_without_one_there_is_none() -> None:
    assert unpack(SECRET, {"token": "t"}, call_sid=CALL_SID) is None
    assert unpack(SECRET, {}, call_sid=CALL_SID) is None


def test_twilios_limits_are_kept_by_the_longest_prompt() -> None:
    agent = msgspec.structs.replace(an_agent(), instructions=long_instructions(20_000))
    parameters = pack(SECRET, a_call(agent=agent))
    assert 20 < len(parameters) <= MAX_PARAMETERS
    longest = max(len(name) + len(value) for name, value in parameters.items())
    assert longest < 500, "Twilio limits the name and value of a <Parameter>"
    assert unpack(SECRET, parameters, call_sid=CALL_SID) == a_call(agent=agent)


def test_a_call_that_is_too_large_does_not_travel() -> None:
    agent = msgspec.structs.replace(an_agent(), instructions=long_instructions(100_000))
    assert pack(SECRET, a_call(agent=agent)) == {}


@pytest.mark.parametrize("changed", ["call1", "call2"])
def test_what_was_tampered_with_is_refused(changed: str) -> None:
    parameters = pack(SECRET, CALL)
    value = parameters[changed]
    parameters[changed] = value[:-1] + ("A" if value[-1] != "A" else "B")
    with pytest.raises(TokenRefused, match="signature"):
        unpack(SECRET, parameters, call_sid=CALL_SID)


@pytest.mark.parametrize("call1", ["x", ".", "é€.\ud800", "a" * 499, "a.b.c"])
def test_nonsense_is_refused(call1: str) -> None:
    with pytest.raises(TokenRefused):
        unpack(SECRET, {"call1": call1}, call_sid=CALL_SID)


def test_a_missing_part_is_refused() -> None:
    parameters = pack(SECRET, CALL)
    del parameters["call1"]
    with pytest.raises(TokenRefused):
        unpack(SECRET, parameters, call_sid=CALL_SID)


def test_it_is_worth_nothing_for_another_call_or_with_another_secret() -> None:
    with pytest.raises(TokenRefused, match="another call"):
        unpack(SECRET, pack(SECRET, CALL), call_sid=OTHER_SID)
    with pytest.raises(TokenRefused, match="signature"):
        unpack(("other" * 10,), pack(SECRET, CALL), call_sid=CALL_SID)


def test_while_the_secret_is_rotated_one_in_common_is_enough() -> None:
    old, new = ("s" * 64,), ("n" * 64, "s" * 64)
    assert unpack(old, pack(new, CALL), call_sid=CALL_SID) == CALL
    assert unpack(new, pack(old, CALL), call_sid=CALL_SID) == CALL


def test_a_stream_token_is_no_signature_of_a_call() -> None:
    """Both are signed with the same secret, but neither may pass for the other."""
    assert travelling_call.pack(SECRET, CALL)["call1"].count(".") == 1
    with pytest.raises(TokenRefused):
        unpack(SECRET, {"call1": "v1.1.1.AAAA"}, call_sid=CALL_SID)
