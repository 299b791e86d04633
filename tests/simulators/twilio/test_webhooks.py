import pytest

from simulators.twilio.alerts import Alert, AlertCode
from simulators.twilio.webhooks import ConnectionSettings, Failure, Response, judge_document

XML = b"<Response/>"


def test_the_defaults_are_twilios() -> None:
    settings = ConnectionSettings().overridden_by("https://example.com/voice")
    assert settings == ConnectionSettings(5000, 15_000, 15_000, 1, frozenset({Failure.CONNECT}))


def test_a_fragment_overrides_timeouts_and_retries_within_twilios_bounds() -> None:
    settings = ConnectionSettings().overridden_by("https://x.test/#ct=1&rt=2000&rc=9&rp=rt,5xx")
    assert settings.connect_ms == 100
    assert settings.read_ms == 2000
    assert settings.retries == 5
    assert settings.retry_on == {Failure.READ_TIMEOUT, Failure.SERVER_ERROR}


def test_all_is_every_kind_of_failure() -> None:
    settings = ConnectionSettings().overridden_by("https://x.test/#rp=all&tt=junk")
    assert settings.retry_on == frozenset(Failure)
    assert settings.total_ms == 15_000


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (Response(500, "text/xml", XML), AlertCode.HTTP_RETRIEVAL_FAILURE),
        (Response(404, "text/xml", XML), AlertCode.HTTP_RETRIEVAL_FAILURE),
        (Response(302, "text/xml", XML), AlertCode.HTTP_RETRIEVAL_FAILURE),
        (Response(200, None, XML), AlertCode.HTTP_RETRIEVAL_FAILURE),
        (Response(200, "application/json", XML), AlertCode.INVALID_CONTENT_TYPE),
        (Response(200, "text/xml", XML + b" " * 65_536), AlertCode.RESPONSE_TOO_LARGE),
        (Response(200, "text/xml", b"\xff"), AlertCode.DOCUMENT_PARSE_FAILURE),
    ],
)
def test_a_response_that_twilio_would_not_read_earns_its_code(
    response: Response, code: AlertCode
) -> None:
    judged = judge_document("https://x.test/", response)
    assert isinstance(judged, Alert)
    assert judged.code is code


@pytest.mark.parametrize("content_type", ["text/xml", "application/xml", "text/html"])
def test_xml_of_any_name_is_read(content_type: str) -> None:
    assert judge_document("u", Response(200, content_type, XML)) == "<Response/>"
