import pytest
from hypothesis import assume, example, given, strategies as st

from ringdown.calls.upload_link import LIFETIME_S, mint, verify
from ringdown.errors import TokenRefused
from tests.ringdown.samples import CALL_SID, CALLER

SECRET = ("s" * 32,)
PAGE = "https://caller-page.example"
call_sids = st.from_regex(r"\ACA[0-9a-f]{32}\Z")
any_text = st.text(st.characters())


def minted(*secrets: str, call_sid: str = CALL_SID, now_s: float = 1_000) -> str:
    link = mint(PAGE, secrets or SECRET, call_sid=call_sid, now_s=now_s)
    page, _, token = link.rpartition("/")
    assert page == PAGE
    return token


@given(call_sid=call_sids, now_s=st.floats(1, 4e9), later_s=st.floats(0, LIFETIME_S - 1))
def test_a_link_is_for_its_call_while_it_lives(call_sid: str, now_s: float, later_s: float) -> None:
    token = minted(call_sid=call_sid, now_s=now_s)
    assert verify(SECRET, token, now_s=now_s + later_s) == call_sid
    with pytest.raises(TokenRefused, match="expired"):
        verify(SECRET, token, now_s=now_s + LIFETIME_S)


@given(call_sid=call_sids)
def test_a_link_cannot_be_turned_to_another_call(call_sid: str) -> None:
    assume(call_sid != CALL_SID)
    with pytest.raises(TokenRefused, match="signature"):
        verify(SECRET, minted().replace(CALL_SID, call_sid), now_s=1_000)


@given(expires_s=st.integers(1, 10**11).filter(lambda s: s != 1_000 + LIFETIME_S))
def test_the_expiry_cannot_be_changed(expires_s: int) -> None:
    changed = minted().replace(f".{1_000 + LIFETIME_S}.", f".{expires_s}.")
    with pytest.raises(TokenRefused, match="signature"):
        verify(SECRET, changed, now_s=1_000)


@pytest.mark.parametrize("given_by", [("a", "b"), ("b", "c")])
@pytest.mark.parametrize("known", [("b",), ("a", "b"), ("b", "a"), ("c", "b")])
def test_one_secret_in_common_is_enough(given_by: tuple[str, ...], known: tuple[str, ...]) -> None:
    token = minted(*given_by)
    assert verify(known, token, now_s=1_000) == CALL_SID
    with pytest.raises(TokenRefused, match="signature"):
        verify(("another",), token, now_s=1_000)


@given(token=any_text | st.from_regex(r"CA[0-9a-f]{32}\.[0-9]+\..*", fullmatch=True))
@example(token=f"{CALL_SID}.1\n.{'m' * 43}")
@example(token=f"{CALL_SID}.{'9' * 5_000}.{'m' * 43}")
@example(token=f"{CALL_SID}.\u0661.{'m' * 43}")
@example(token=f"{CALL_SID}.15400.{'m' * 43}\n")
def test_whatever_a_stranger_sends_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused):
        verify(SECRET, token, now_s=0)


def test_a_link_fits_into_a_text_and_says_nothing_of_the_caller() -> None:
    link = mint(PAGE, SECRET * 2, call_sid=CALL_SID, now_s=4e9)
    assert len(link) < 180
    assert CALLER.lstrip("+") not in link
    assert SECRET[0] not in link
