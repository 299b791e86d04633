import pytest
from hypothesis import given, strategies as st

from ringdown.phone_numbers import is_e164


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
