"""Twilio's own validator decides whether the signatures are right."""

from twilio.request_validator import RequestValidator, get_signature_algorithm

from simulators.twilio.signatures import SETTINGS_HEADER, SIGNATURE_HEADER, SharedKey, Signer

URL = "https://example.com/voice?line=1"


class ManyValues(dict[str, list[str]]):
    """Keeps repeated parameters, as the multi-dictionaries of web frameworks do."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def test_a_form_post_is_signed_with_the_auth_token() -> None:
    params = {"To": "+15550100", "CallStatus": "ringing", "Empty": ""}
    headers = Signer("secret").headers(URL, params.items())
    assert RequestValidator("secret").validate(URL, params, headers[SIGNATURE_HEADER])
    assert not RequestValidator("other").validate(URL, params, headers[SIGNATURE_HEADER])


def test_repeated_parameters_are_signed_once_for_each_value() -> None:
    params = [("Digit", "2"), ("Digit", "1"), ("Digit", "2"), ("A", "x")]
    headers = Signer("secret").headers(URL, params)
    received = ManyValues(Digit=["2", "1", "2"], A=["x"])
    assert RequestValidator("secret").validate(URL, received, headers[SIGNATURE_HEADER])


def test_a_shared_key_signs_by_sha256_and_says_so() -> None:
    headers = Signer("unused", SharedKey("key-1", "shared")).headers(URL, [("A", "1")])
    assert headers[SETTINGS_HEADER] == "key=key-1,algorithm=HMAC_SHA256"
    algorithm = get_signature_algorithm(headers[SETTINGS_HEADER])
    signature = headers[SIGNATURE_HEADER]
    assert RequestValidator("shared").validate(URL, {"A": "1"}, signature, algorithm)
    assert not RequestValidator("shared").validate(URL, {"A": "1"}, signature)


def test_a_websocket_upgrade_is_signed_without_parameters() -> None:
    headers = Signer("secret").headers("wss://example.com/media")
    validator = RequestValidator("secret")
    assert validator.validate("wss://example.com/media", {}, headers[SIGNATURE_HEADER])
    assert not validator.validate("https://example.com/media", {}, headers[SIGNATURE_HEADER])


def test_connection_settings_in_the_fragment_are_not_signed() -> None:
    assert Signer("s").headers(URL + "#rc=2") == Signer("s").headers(URL)
