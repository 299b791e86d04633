"""Twilio's library signs; we must accept exactly the signatures that it accepts."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest
from hypothesis import given, strategies as st
from starlette.datastructures import Headers, ImmutableMultiDict
from twilio.request_validator import RequestValidator
from websockets.datastructures import Headers as WebSocketHeaders

from ringdown.twilio_signature import signature_is_valid

TOKEN, SHARED_KEY = "the auth token of the account", "the secret of a shared key"
URL = "https://phone.example/incoming"
FORM = ImmutableMultiDict([("To", "+14155550100"), ("Media", "b"), ("Media", "a"), ("Media", "b")])
SETTINGS = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"


def signed(
    url: str = URL,
    form: ImmutableMultiDict[str, str] = FORM,
    key: str = TOKEN,
    algorithm: str = "HMAC_SHA1",
) -> dict[str, str]:
    return {
        "x-twilio-signature": RequestValidator(key).compute_signature(url, form, algorithm),
    }


def is_valid(
    headers: Mapping[str, str],
    *,
    url: str = URL,
    form: ImmutableMultiDict[str, str] = FORM,
    shared_key_secret: str | None = None,
    auth_tokens: tuple[str, ...] = (TOKEN,),
) -> bool:
    return signature_is_valid(
        Headers(headers),
        auth_tokens=auth_tokens,
        shared_key_secret=shared_key_secret,
        url=url,
        form=form.multi_items(),
    )


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=6))
def test_any_form_is_signed_as_twilio_signs_it(pairs: list[tuple[str, str]]) -> None:
    form = ImmutableMultiDict(
        [
            (n.encode("utf-8", "replace").decode(), v.encode("utf-8", "replace").decode())
            for n, v in pairs
        ]
    )
    assert is_valid(signed(form=form), form=form)
    more = ImmutableMultiDict([*form.multi_items(), ("Extra", "field")])
    assert not is_valid(signed(form=form), form=more)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("https://phone.example/a", "https://phone.example/a/"),
        ("https://phone.example/a", "https://phone.example:443/a"),
        ("https://phone.example/a?b=1", "https://phone.example:443/a?b=1"),
        ("https://phone.example:8443/a", "https://phone.example/a"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("http://phone.example/a", "http://phone.example:80/a/"),
        ("wss://phone.example/media", "wss://phone.example/media/"),
        ("wss://phone.example/media", "wss://phone.example:443/media"),
    ],
)
def test_a_slash_and_the_schemes_own_port_do_not_matter(ours: str, theirs: str) -> None:
    assert is_valid(signed(theirs), url=ours)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("https://PHONE.Example/a", "https://phone.example/a"),
        ("https://phone.example/a", "https://Phone.EXAMPLE:443/a/"),
        ("https://phone.example:8443/a", "https://PHONE.example:8443/a"),
        ("https://bücher.example/a", "https://xn--bcher-kva.example/a"),
        ("https://BÜCHER.example/a", "https://xn--bcher-kva.example/a"),
        ("https://[2001:DB8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]:443/a"),
    ],
)
def test_how_the_host_is_spelled_does_not_matter(ours: str, theirs: str) -> None:
    assert is_valid({**signed(theirs), "host": urlsplit(theirs).netloc}, url=ours)


@pytest.mark.parametrize("host", ["evil.example", "phone.example.evil.example", "", "xn--a"])
def test_the_request_does_not_say_which_host_it_is_for(host: str) -> None:
    headers = {**signed(f"https://{host}/a"), "host": host}
    assert not is_valid(headers, url="https://phone.example/a")


def test_a_header_that_is_there_twice_counts_for_nothing() -> None:
    """The stream handler's headers raise an error when such a header is read."""
    headers = WebSocketHeaders([("host", "a.example"), ("host", "b.example"), *signed().items()])

    def is_valid_now() -> bool:
        return signature_is_valid(
            headers, auth_tokens=(TOKEN,), shared_key_secret=None, url=URL, form=FORM.multi_items()
        )

    assert is_valid_now()
    headers["x-twilio-signature"] = headers["x-twilio-signature"]
    assert not is_valid_now()


@pytest.mark.parametrize(
    "theirs",
    ["https://phone.example/b", "http://phone.example/a", "https://phone.example:444/a", ""],
)
def test_another_url_does(theirs: str) -> None:
    assert not is_valid(signed(theirs), url="https://phone.example/a")


def test_a_shared_key_signs_where_the_settings_say_so() -> None:
    headers = signed(key=SHARED_KEY, algorithm="HMAC_SHA256")
    with_settings = {**headers, "X-Twilio-Webhooks-Signature-Settings": SETTINGS}
    assert is_valid(with_settings, shared_key_secret=SHARED_KEY)
    assert not is_valid(with_settings)
    assert not is_valid(headers, shared_key_secret=SHARED_KEY)


def test_the_auth_token_does_with_settings_as_well() -> None:
    headers = {
        **signed(algorithm="HMAC_SHA256"),
        "X-Twilio-Webhooks-Signature-Settings": SETTINGS,
    }
    assert is_valid(headers)
    assert not is_valid(headers, shared_key_secret=SHARED_KEY)


@pytest.mark.parametrize("settings", ["algorithm=HMAC_MD5", "algorithm=none,key=1"])
def test_an_unknown_algorithm_is_refused(settings: str) -> None:
    assert not is_valid({**signed(), "X-Twilio-Webhooks-Signature-Settings": settings})


@pytest.mark.parametrize("given", [None, "", "wrong", "\u00fc"])
def test_without_a_signature_nothing_is_valid(given: str | None) -> None:
    assert not is_valid({} if given is None else {"x-twilio-signature": given})


def test_while_the_token_is_rotated_both_count() -> None:
    both = ("a new token of the account", TOKEN)
    assert is_valid(signed(), auth_tokens=both)
    assert is_valid(signed(key=both[0]), auth_tokens=both)
    assert not is_valid(signed(key="another"), auth_tokens=both)
