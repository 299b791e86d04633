import base64

import pytest
from hypothesis import assume, example, given, strategies as st

from ringdown.calls.stream_token import LIFETIME_S, mint, verify
from ringdown.errors import TokenRefused
from tests.ringdown.samples import CALL_SID

SECRET = ("s" * 32,)
call_sids = st.from_regex(r"CA[0-9a-f]{32}", fullmatch=True)
attempts = st.integers(min_value=1, max_value=1000)
moments_s = st.floats(min_value=0, max_value=4e9, allow_nan=False)
any_text = st.text(st.characters())


@given(call_sid=call_sids, attempt=attempts, now_s=moments_s, later_s=st.floats(0, LIFETIME_S - 1))
def test_a_token_allows_its_attempt_while_it_lives(
    call_sid: str, attempt: int, now_s: float, later_s: float
) -> None:
    token = mint(SECRET, call_sid=call_sid, attempt=attempt, now_s=now_s)
    assert verify(SECRET, token, call_sid=call_sid, now_s=now_s + later_s) == attempt


@given(now_s=moments_s, later_s=st.floats(LIFETIME_S, 1e9))
def test_a_token_expires(now_s: float, later_s: float) -> None:
    token = mint(SECRET, call_sid=CALL_SID, attempt=1, now_s=now_s)
    with pytest.raises(TokenRefused, match="expired"):
        verify(SECRET, token, call_sid=CALL_SID, now_s=now_s + later_s)


@given(call_sid=call_sids)
def test_a_token_is_worth_nothing_for_another_call(call_sid: str) -> None:
    assume(call_sid != CALL_SID)
    token = mint(SECRET, call_sid=CALL_SID, attempt=1, now_s=0)
    with pytest.raises(TokenRefused, match="signature"):
        verify(SECRET, token, call_sid=call_sid, now_s=0)


@given(attempt=st.integers(0, 10**6).filter(lambda attempt: attempt != 1))
def test_the_attempt_cannot_be_changed(attempt: int) -> None:
    version, _, expiry, mac = mint(SECRET, call_sid=CALL_SID, attempt=1, now_s=0).split(".")
    with pytest.raises(TokenRefused, match="signature"):
        verify(SECRET, f"{version}.{attempt}.{expiry}.{mac}", call_sid=CALL_SID, now_s=0)


@given(expires_s=st.integers(0, 10**10).filter(lambda expires_s: expires_s != LIFETIME_S))
def test_the_expiry_cannot_be_changed(expires_s: int) -> None:
    version, attempt, _, mac = mint(SECRET, call_sid=CALL_SID, attempt=1, now_s=0).split(".")
    with pytest.raises(TokenRefused, match="signature"):
        verify(SECRET, f"{version}.{attempt}.{expires_s}.{mac}", call_sid=CALL_SID, now_s=0)


@given(secret=st.text(min_size=1).filter(lambda secret: secret not in SECRET))
def test_another_secret_refuses_it(secret: str) -> None:
    token = mint(SECRET, call_sid=CALL_SID, attempt=1, now_s=0)
    with pytest.raises(TokenRefused, match="signature"):
        verify((secret,), token, call_sid=CALL_SID, now_s=0)


@pytest.mark.parametrize("minted", [("a", "b"), ("b", "c")])
@pytest.mark.parametrize("known", [("b",), ("a", "b"), ("b", "a"), ("c", "b")])
def test_one_secret_in_common_is_enough(minted: tuple[str, ...], known: tuple[str, ...]) -> None:
    token = mint(minted, call_sid=CALL_SID, attempt=3, now_s=0)
    assert verify(known, token, call_sid=CALL_SID, now_s=0) == 3
    with pytest.raises(TokenRefused, match="signature"):
        verify(("another",), token, call_sid=CALL_SID, now_s=0)


def test_a_token_cannot_try_many_macs() -> None:
    token = mint(("a", "b", "c"), call_sid=CALL_SID, attempt=1, now_s=0)
    with pytest.raises(TokenRefused, match="malformed"):
        verify(("c",), token, call_sid=CALL_SID, now_s=0)


@given(token=any_text | st.from_regex(r"v1\.-?\d+\.-?\d+\..*", fullmatch=True), call_sid=any_text)
@example(token="v1.1.90.\ud800", call_sid=CALL_SID)
@example(token="v1.1.90.mac", call_sid="\ud800")
@example(token=f"v1.{'9' * 5000}.90.mac", call_sid=CALL_SID)
def test_whatever_a_stranger_sends_is_refused(token: str, call_sid: str) -> None:
    with pytest.raises(TokenRefused):
        verify(SECRET, token, call_sid=call_sid, now_s=0)


@pytest.mark.parametrize(
    "spelled",
    ["v1.01.90.", "v1.+1.90.", "v1. 1.90.", "v1.1 .90.", "v1.\u0661.90.", "v1.1.9_0.", "v1.1.090."],
)
def test_a_token_has_one_spelling(spelled: str) -> None:
    token = mint(SECRET, call_sid=CALL_SID, attempt=1, now_s=0)
    assert token.startswith("v1.1.90.")
    with pytest.raises(TokenRefused, match="signature"):
        verify(SECRET, token.replace("v1.1.90.", spelled), call_sid=CALL_SID, now_s=1)


@given(data=st.data())
def test_no_character_of_a_mac_can_be_changed(data: st.DataObject) -> None:
    head, mac = mint(SECRET, call_sid=CALL_SID, attempt=1, now_s=0).rsplit(".", 1)
    position = data.draw(st.integers(0, len(mac) - 1))
    character = data.draw(st.characters().filter(lambda c: c != mac[position]))
    changed = mac[:position] + character + mac[position + 1 :]
    with pytest.raises(TokenRefused):
        verify(SECRET, f"{head}.{changed}", call_sid=CALL_SID, now_s=0)


def test_a_token_fits_into_a_twiml_parameter_and_hides_its_secret() -> None:
    token = mint(SECRET * 2, call_sid=CALL_SID, attempt=999, now_s=4e9)
    assert len(token) < 120
    assert token.isascii()
    assert SECRET[0].encode() not in base64.urlsafe_b64decode(token.rsplit(".", 1)[1] + "=")
