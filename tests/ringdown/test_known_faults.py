"""What the shared package still does wrong."""

import msgspec
import pytest

from ringdown.agents.template_values import template_values
from tests.ringdown.samples import a_call


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="A withheld number spelled as a word is told."
)
@pytest.mark.parametrize(
    "caller", ["+7378742833", "+2562533", "+8656696", "+86282452253", "+266696687"]
)
def test_a_number_that_spells_a_word_is_not_told(caller: str) -> None:
    call = msgspec.structs.replace(a_call(), caller=caller)

    assert template_values(call, 0.0)["caller_number"] == ""
