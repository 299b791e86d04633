import pytest

from simulators.twilio.alerts import AlertCode, AlertLevel
from simulators.twilio.twiml import (
    ConnectStream,
    Dial,
    Gather,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Verb,
)
from simulators.twilio.twiml_parser import TwimlRefused, parse_twiml

STREAM = '<Connect><Stream url="wss://x.test/media">{}</Stream></Connect>'


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        (
            '<Say voice="Polly.Joanna" language="de-DE" loop="2">Guten\n  Tag</Say>',
            Say("Guten Tag", "Polly.Joanna", "de-DE", 2),
        ),
        ('<Say>Say <break time="1s"/>it <emphasis>so</emphasis></Say>', Say("Say it so")),
        ("<Play> https://x.test/a.wav </Play>", Play("https://x.test/a.wav")),
        ('<Play digits="1W2#"/>', Play(digits="1w2#")),
        ("<Pause/>", Pause(1)),
        ('<Pause length="3"/>', Pause(3)),
        (
            (
                '<Connect action="/done"><Stream url="wss://x.test/media" name="n" '
                'statusCallback="https://x.test/s" statusCallbackMethod="GET">'
                '<Parameter name="token" value="t"/><Parameter name="empty" value=""/>'
                "</Stream></Connect>"
            ),
            ConnectStream(
                "wss://x.test/media",
                name="n",
                parameters=(("token", "t"), ("empty", "")),
                status_callback="https://x.test/s",
                status_callback_method="GET",
                action="/done",
            ),
        ),
        ('<Redirect method="GET">/next</Redirect>', Redirect("/next", "GET")),
        ("<Redirect/>", Redirect("")),
        ("<Dial>+15550199</Dial>", Dial("+15550199")),
        (
            (
                '<Dial action="/a" timeout="5" timeLimit="60" callerId="+15550100">'
                '<Number sendDigits="12">+15550199</Number></Dial>'
            ),
            Dial("+15550199", "/a", "POST", 5, 60, "+15550100", "12"),
        ),
        (
            '<Dial answerOnBridge="true"><Number url="/w" method="GET">+15550199</Number></Dial>',
            Dial("+15550199", answer_on_bridge=True, url="/w", url_method="GET"),
        ),
        (
            '<Dial><Sip url="/w">sip:desk@example.com</Sip></Dial>',
            Dial("sip:desk@example.com", url="/w"),
        ),
        ('<Dial><Client url="/w">alex</Client></Dial>', Dial("client:alex", url="/w")),
        ("<Gather/>", Gather()),
        (
            (
                '<Gather action="/k" method="GET" numDigits="4" timeout="8" finishOnKey="*"'
                ' actionOnEmptyResult="true"><Say>a</Say><Pause/></Gather>'
            ),
            Gather((Say("a"), Pause(1)), "/k", "GET", 4, 8, "*", action_on_empty_result=True),
        ),
        ("<Hangup/>", Hangup()),
        ('<Reject reason="busy"/>', Reject("busy")),
    ],
)
def test_a_verb_is_read(text: str, verb: Verb) -> None:
    parsed = parse_twiml(f'<?xml version="1.0" encoding="UTF-8"?><Response>{text}</Response>')
    assert parsed.warnings == ()
    assert parsed.document.verbs == (verb,)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<Record/>", "<Record> is not a verb"),
        ("<say>x</say>", "<say> is not a verb"),
        ("words", "<Response> can't contain text"),
        ("<Say/>", "<Say> has no text"),
        ('<Say volume="9">x</Say>', 'no attribute "volume"'),
        ('<Say loop="often">x</Say>', 'loop="often"'),
        ("<Say>x<Pause/></Say>", "<Pause> is not allowed in <Say>"),
        ("<Play/>", "neither a URL nor digits"),
        ('<Play digits="1a"/>', "not tones"),
        ('<Pause length="-1"/>', 'length="-1"'),
        ("<Connect/>", "0 <Stream>"),
        ("<Connect><Stream/></Connect>", "no url"),
        ("<Connect><Room>r</Room></Connect>", "<Room> in <Connect>"),
        ('<Connect><Stream url="wss://x.test" secure="1"/></Connect>', 'no attribute "secure"'),
        (STREAM.format("<Say>x</Say>"), "<Say> is not allowed in <Stream>"),
        (STREAM.format('<Parameter name="a"/>'), "needs a name and a value"),
        (STREAM.format(f'<Parameter name="a" value="{"v" * 499}"/>'), "500 characters"),
        (STREAM.format('<Parameter name="a" value="1"/>' * 2), "given twice"),
        ('<Redirect method="PUT">/x</Redirect>', 'method="PUT"'),
        ("<Dial/>", "exactly one number"),
        ("<Dial><Queue>q</Queue></Dial>", "<Queue> in <Dial>"),
        ('<Dial answerOnBridge="yes">+15550199</Dial>', 'answerOnBridge="yes"'),
        ('<Dial><Number record="true">+15550199</Number></Dial>', 'no attribute "record"'),
        ("<Gather>words</Gather>", "<Gather> can't contain text"),
        ("<Hangup>now</Hangup>", "<Hangup> can't contain text"),
        ('<Reject reason="tired"/>', 'reason="tired"'),
    ],
)
def test_what_the_schema_does_not_allow_earns_a_warning(text: str, complaint: str) -> None:
    parsed = parse_twiml(f"<Response>{text}<Hangup/></Response>")
    details = [alert.detail for alert in parsed.warnings]
    assert any(complaint in detail for detail in details), details
    assert {alert.code for alert in parsed.warnings} == {AlertCode.SCHEMA_WARNING}
    assert parsed.document.verbs[-1] == Hangup(), "the rest of the document must still run"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('<Dial timeout="soon">+15550199</Dial>', 13212),
        ('<Dial timeLimit="long">+15550199</Dial>', 13216),
        ('<Dial method="PUT">+15550199</Dial>', 13210),
        ("<Dial>+15550199<Say>x</Say></Dial>", 13215),
        ('<Dial><Number method="PUT">+15550199</Number></Dial>', 13221),
        ('<Dial><Number sendDigits="1a">+15550199</Number></Dial>', 13222),
        ('<Gather finishOnKey="ab"/>', 13310),
        ('<Gather method="PUT"/>', 13312),
        ('<Gather timeout="0"/>', 13313),
        ('<Gather numDigits="none"/>', 13314),
        ("<Gather><Hangup/></Gather>", 13320),
    ],
)
def test_some_attributes_have_their_own_warning(text: str, code: int) -> None:
    parsed = parse_twiml(f"<Response>{text}<Hangup/></Response>")
    assert [int(alert.code) for alert in parsed.warnings] == [code]
    assert parsed.warnings[0].code.level is AlertLevel.WARNING
    assert len(parsed.document.verbs) == 2, "the verb must run with the default"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", AlertCode.DOCUMENT_PARSE_FAILURE),
        ("<Response>", AlertCode.DOCUMENT_PARSE_FAILURE),
        ("<Response><Say>a & b</Say></Response>", AlertCode.DOCUMENT_PARSE_FAILURE),
        (" <?xml version='1.0'?><Response/>", AlertCode.DOCUMENT_PARSE_FAILURE),
        ("<response/>", AlertCode.ROOT_IS_NOT_RESPONSE),
    ],
)
def test_invalid_twiml_is_refused(text: str, code: AlertCode) -> None:
    with pytest.raises(TwimlRefused) as refused:
        parse_twiml(text)
    assert refused.value.alert.code is code


def test_an_empty_response_has_no_verbs() -> None:
    assert parse_twiml("<Response/>").document.verbs == ()
