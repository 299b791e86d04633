import pytest
from hypothesis import given, strategies as st

from ringdown.phone_numbers import is_e164, is_somebody
from tests.ringdown.samples import CALLER, WITHHELD


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_e164(number: str) -> None:
    assert is_e164(number)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "+",
        "14155550100",
        "+0415555010",
        "+141555",
        "+1415555010012345",
        "+1 415 555 0100",
        "+१४१५५५५०१००",
        "+14155550100\n",
        "anonymous",
    ],
)
def test_not_e164(number: str) -> None:
    assert not is_e164(number)


@pytest.mark.parametrize(
    "party",
    [
        *WITHHELD,
        "anonymous",
        "unknown",
        "",
        "911",
        "12345",
        "sip:desk@example.com",
        "client:bob",
        f"whatsapp:{CALLER}",
    ],
)
def test_who_has_no_number_of_their_own_is_nobody(party: str) -> None:
    assert not is_somebody(party)


def test_a_number_is_somebody() -> None:
    assert is_somebody(CALLER)
