"""Verdicts on answers that the stand-ins don't give."""

import asyncio
import struct

import msgspec
import pytest

from ringdown.gemini.backend import DeveloperApi, GeminiBackend, VertexAi
from ringdown.gemini.model_session import ModelError
from ringdown_cli.doctor.asking import Answer
from ringdown_cli.doctor.billing import judge_billing
from ringdown_cli.doctor.checks import Check, examine
from ringdown_cli.doctor.clock import judge_clock
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.handler import judge_handler
from ringdown_cli.doctor.messaging import judge_messaging
from ringdown_cli.doctor.model import Spoken, judge_failure, judge_speech
from ringdown_cli.doctor.number import judge_number, judge_region
from ringdown_cli.doctor.twilio_account import judge_account
from ringdown_cli.doctor.twilio_rest import Account, Capabilities, Number
from ringdown_cli.doctor.verdicts import State, Verdict, good, of_several, untried, wrong
from ringdown_cli.doctor.webhook import judge_webhook

WEBHOOK, HANDLER = "https://webhook.example", "wss://stream.example"
DEVELOPER, VERTEX = DeveloperApi("key"), VertexAi("my-project", "us-central1")
KEY = "Make one at https://aistudio.google.com/apikey"


def an_answer(status: int = 200, text: str = "", took_ms: int = 80, **headers: str) -> Answer:
    return Answer(status, text, headers, took_ms)


def is_told(verdict: Verdict, state: State, *words: str) -> None:
    """Check the verdict's state and words, and that it says what to do."""
    assert verdict.state is state, verdict
    assert verdict.advice, verdict
    for text in words:
        assert text in f"{verdict.finding} {verdict.advice}"


# The webhook


def twiml(url: str = f"{HANDLER}/media") -> str:
    return f'<Response><Connect><Stream url="{url}"/></Connect><Redirect>x</Redirect></Response>'


def webhook(answer: Answer, *, erased: bool = True) -> Verdict:
    return judge_webhook(answer, HANDLER, erased=erased, call_sid="CAd0c7")


def test_a_stream_to_the_handler_is_good() -> None:
    assert webhook(an_answer(text=twiml())).state is State.GOOD


def test_a_slow_stream_works_with_limits() -> None:
    is_told(webhook(an_answer(text=twiml(), took_ms=6_000)), State.LIMITED, "6000 ms")


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (403, "The signature is missing or wrong.\n", "TF_VAR_twilio_auth_token"),
        (403, "<html>Error: Forbidden</html>", "domain-restricted sharing"),
        (500, "", "HTTP 500"),
        (404, "", "HTTP 404"),
    ],
)
def test_an_answer_that_twilio_could_not_use(status: int, text: str, words: str) -> None:
    is_told(webhook(an_answer(status, text)), State.WRONG, words)


@pytest.mark.parametrize("text", ["", "hello", "<html/>", "<Response>"])
def test_what_is_no_twiml_is_told(text: str) -> None:
    is_told(webhook(an_answer(text=text)), State.LIMITED, "no TwiML")


# The handler


def test_a_handler_that_lets_everybody_in() -> None:
    is_told(judge_handler(an_answer(), 101, ""), State.WRONG, "forged")


@pytest.mark.parametrize("status", [401, 403])
def test_a_platform_that_refuses_strangers(status: int) -> None:
    verdict = judge_handler(an_answer(status), 403, "<html/>")
    is_told(verdict, State.WRONG, "domain-restricted sharing")


def test_a_403_that_is_not_the_handlers() -> None:
    is_told(judge_handler(an_answer(), 403, "<html/>"), State.WRONG, "STREAM_URL")


# The clock


@pytest.mark.parametrize(("apart_s", "words"), [(31.0, "31 s ahead of"), (-400.0, "400 s behind")])
def test_a_clock_that_is_off(apart_s: float, words: str) -> None:
    verdict = judge_clock({"the webhook": 0.4, "the handler": apart_s})
    is_told(verdict, State.WRONG, f"{words} the handler", "timedatectl")


def test_clocks_that_agree() -> None:
    assert judge_clock({"the webhook": 0.9, "the handler": -29.0}).state is State.GOOD
    assert judge_clock({}).state is State.UNTRIED


def test_the_date_of_an_answer() -> None:
    assert an_answer(date="Sun, 22 Nov 2026 23:58:00 GMT").date_s == 1_795_391_880
    assert an_answer(date="yesterday").date_s is None
    assert an_answer().date_s is None


# Twilio


@pytest.mark.parametrize("status", ["suspended", "closed", ""])
def test_an_account_that_carries_no_calls(status: str) -> None:
    is_told(judge_account(Account("Full", status)), State.WRONG, "console.twilio.com")


def a_number(number: str = "+14155550100", *, sms: bool = True) -> Number:
    return Number(
        phone_number=number,
        voice_url=f"{WEBHOOK}/",
        voice_method="POST",
        voice_fallback_url=f"{WEBHOOK}/fallback",
        status_callback=f"{WEBHOOK}/status",
        status_callback_method="POST",
        capabilities=Capabilities(voice=True, sms=sms),
    )


def test_the_webhook_with_or_without_a_slash() -> None:
    assert judge_number(a_number(), WEBHOOK).state is State.GOOD
    bare = msgspec.structs.replace(a_number(), voice_url=WEBHOOK)
    assert judge_number(bare, WEBHOOK).state is State.GOOD


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"voice_url": ""}, State.WRONG, "calls go nowhere"),
        ({"voice_url": f"{WEBHOOK}/other"}, State.WRONG, f"not to {WEBHOOK}"),
        ({"voice_method": "GET"}, State.WRONG, "with GET"),
        ({"trunk_sid": "TK1"}, State.WRONG, "SIP trunk"),
        ({"voice_application_sid": "AP1"}, State.WRONG, "TwiML app"),
        ({"status_callback": ""}, State.LIMITED, f"{WEBHOOK}/status"),
        ({"voice_fallback_url": ""}, State.LIMITED, "nothing answers them if the webhook"),
        ({"voice_fallback_url": None}, State.LIMITED, "nothing answers them if the webhook"),
    ],
)
def test_a_number_that_is_not_set_up(changes: dict[str, str], state: State, words: str) -> None:
    number = msgspec.structs.replace(a_number(), **changes)
    is_told(judge_number(number, WEBHOOK), state, words)


def test_which_fallback_is_set_is_told() -> None:
    static = "https://handler.twilio.com/twiml/EH0123456789abcdef0123456789abcdef"
    elsewhere = msgspec.structs.replace(a_number(), voice_fallback_url=static)

    found = [judge_number(number, WEBHOOK) for number in (a_number(), elsewhere)]
    assert [verdict.state for verdict in found] == [State.GOOD, State.GOOD]
    assert found[0].finding.endswith("which is also the fallback")
    assert found[1].finding.endswith(f"with {static} as fallback")


def test_a_number_that_takes_no_calls() -> None:
    is_told(
        judge_number(Number(phone_number="+14155550100"), WEBHOOK), State.WRONG, "can't take calls"
    )


@pytest.mark.parametrize(
    ("number", "registration", "state", "words"),
    [
        ("+14155550100", "VERIFIED", State.GOOD, "registered"),
        ("+14155550100", "IN_PROGRESS", State.LIMITED, "campaign is IN_PROGRESS"),
        ("+14155550100", None, State.LIMITED, "campaign is missing"),
        ("+18005550100", None, State.LIMITED, "toll-free verification is missing"),
        ("+18005550100", "TWILIO_APPROVED", State.GOOD, "registered"),
        ("+493012345678", None, State.GOOD, "additional rules"),
    ],
)
def test_what_texts_need(number: str, registration: str | None, state: State, words: str) -> None:
    verdict = judge_messaging(a_number(number), registration, "us1")
    assert verdict.state is state
    assert words in verdict.finding


@pytest.mark.parametrize(
    ("number", "region", "words"),
    [
        ("+61255501234", "au1", "doesn't send texts from this number in au1"),
        ("+14155550100", "ie1", "doesn't send texts from this number in ie1"),
        ("+353155501234", "ie1", "messaging region is ie1"),
    ],
)
def test_what_texts_need_in_another_region(number: str, region: str, words: str) -> None:
    is_told(judge_messaging(a_number(number), None, region), State.LIMITED, words)


def test_a_number_whose_calls_go_to_another_region() -> None:
    verdict = good("all is well there")

    assert judge_region(verdict, "ie1", "ie1") is verdict
    told = judge_region(verdict, "us1", "ie1")
    is_told(told, State.WRONG, "calls in us1", "than in ie1", 'twilio_region = "us1"', "Regional")


def test_a_number_without_texts() -> None:
    is_told(judge_messaging(a_number(sms=False), None, "us1"), State.LIMITED, "can't send texts")


# Google


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (an_answer(200, '{"billingEnabled": true}'), State.GOOD),
        (an_answer(200, "{}"), State.WRONG),
        (an_answer(403, "{}"), State.UNTRIED),
        (an_answer(200, "what"), State.UNTRIED),
    ],
)
def test_billing(answer: Answer, state: State) -> None:
    assert judge_billing(answer, "my-project").state is state


# The model


def spoken(*samples: int, times: int = 1) -> Spoken:
    pcm = struct.pack(f"<{len(samples)}h", *samples) * times
    return Spoken("gemini-3.8-live", 400, 600, bytearray(pcm), ["Hel", "lo."])


def test_speech_is_told_with_its_figures() -> None:
    verdict = judge_speech(spoken(8_192, -8_192, times=12_000))
    assert verdict.state is State.GOOD
    assert verdict.finding == (
        "gemini-3.8-live said “Hello.” (48000 bytes, 1.0 s, -12 dBFS; ready in 400 ms, first sound"
        " 600 ms after the request)"
    )


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        (spoken(), "didn't speak"),
        (spoken(0, 0, times=12_000), "-inf dBFS"),
        (spoken(20, -20, times=12_000), "-64 dBFS"),
        (spoken(8_192, -8_192, times=2_400), "0.2 s"),
    ],
)
def test_what_is_no_voice(heard: Spoken, words: str) -> None:
    is_told(judge_speech(heard), State.WRONG, words)


@pytest.mark.parametrize(
    ("reason", "code", "backend", "words"),
    [
        ("API key not valid. Please pass a valid API key.", 1007, DEVELOPER, KEY),
        ("API key expired. Please renew the API key.", 1008, DEVELOPER, KEY),
        ("Your API key was reported as leaked.", 1008, DEVELOPER, KEY),
        ("Method doesn't allow unregistered callers.", 403, DEVELOPER, KEY),
        ("models/x is not found for API version v1beta", 1008, DEVELOPER, "doesn't have model x"),
        (
            "models/x was retired on 2026-11-17. Use another.",
            1008,
            DEVELOPER,
            "doesn't have model x",
        ),
        (
            "Publisher Model `x` was not found",
            1008,
            VERTEX,
            "Vertex AI, us-central1 doesn't have model",
        ),
        (
            "Publisher Model `x` was not found or your project does not have access to it",
            1008,
            VERTEX,
            "doesn't have model x",
        ),
        ("User location is not supported for the API use.", 1007, DEVELOPER, "Use Vertex AI"),
        ("User location is not supported.", 1008, VERTEX, "isn't offered in us-central1"),
        ("Your project has been denied access.", 1008, DEVELOPER, "key's project can't use"),
        (
            "Requests to this API generativelanguage.googleapis.com are blocked.",
            1008,
            DEVELOPER,
            "key's project can't use",
        ),
        ("Your project has been denied access.", 1008, VERTEX, "roles/aiplatform.user"),
        ("refused", 403, VERTEX, "--member=MEMBER --role=roles/aiplatform.user"),
        ("Request contains an invalid argument.", 1007, DEVELOPER, "a tool's parameters"),
        ("Operation is not implemented, or supported, or enabled.", 1008, DEVELOPER, "settings"),
        ("Policy violation: content was blocked", 1008, DEVELOPER, "Google's policy"),
        ("no Google credentials: none", None, VERTEX, "application-default login"),
        ("You exceeded your current quota", 1011, DEVELOPER, "quota is used up"),
    ],
)
def test_why_there_is_no_session(
    reason: str, code: int | None, backend: GeminiBackend, words: str
) -> None:
    verdict = judge_failure(ModelError(reason, code=code), backend, "x")
    is_told(verdict, State.WRONG, reason, words)
    assert "Try again in a minute" not in str(verdict.advice), "it does not pass by itself"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("not ready within 8 s", None),
        ("Internal error encountered.", 1011),
        ("the connection was lost", 1006),
        ("refused", 503),
        ("The service is currently unavailable.", 1013),
        ("Session not found.", None),
    ],
)
def test_what_may_pass_is_to_be_tried_again(reason: str, code: int | None) -> None:
    verdict = judge_failure(ModelError(reason, code=code), DEVELOPER, "x")
    is_told(verdict, State.WRONG, reason, "Try again in a minute")


@pytest.mark.parametrize(
    ("second", "state"),
    [
        (good("it spoke"), State.GOOD),
        (untried("no key", "Set it."), State.UNTRIED),
        (wrong("no session", "Try again."), State.WRONG),
    ],
)
def test_of_several_endpoints_the_gravest_verdict_counts(second: Verdict, state: State) -> None:
    verdict = of_several({"developer": good("it spoke"), "vertex:eu": second})

    assert verdict.state is state
    assert verdict.finding == f"developer: it spoke; vertex:eu: {second.finding}"
    assert verdict.advice == (f"vertex:eu: {second.advice}" if second.advice else "")


# All of them


async def test_a_check_that_takes_too_long_is_given_up() -> None:
    async def never(deployment: Deployment, means: object) -> Verdict:
        await asyncio.Event().wait()
        raise AssertionError("never set")

    told: list[str] = []
    checks = [Check("slow", never, 0.05), Check("slower", never, 0.1)]
    verdicts = await examine(
        Deployment("nowhere"),
        None,  # type: ignore[arg-type]  # never used
        lambda check, verdict: told.append(check.name),
        checks,
    )
    assert told == ["slow", "slower"]
    is_told(verdicts["slow"], State.WRONG, "no answer within 0.05 s")


async def test_no_phone_number_is_in_what_is_told() -> None:
    """A scheduled check logs it."""
    url = "https://twimlets.com/forward?PhoneNumber=%2B14155550199&a=+33123456789"

    async def check(deployment: Deployment, means: object) -> Verdict:
        return wrong(f"+14155550100: calls go to {url}", "Set +442071234567, in 2026-11-30.")

    told: list[Verdict] = []
    verdicts = await examine(
        Deployment("nowhere"),
        None,  # type: ignore[arg-type]  # never used
        lambda _, verdict: told.append(verdict),
        [Check("number", check, 1.0)],
    )
    shown = "https://twimlets.com/forward?PhoneNumber=…0199&a=…6789"
    assert told == [wrong(f"…0100: calls go to {shown}", "Set …4567, in 2026-11-30.")]
    assert list(verdicts.values()) == told
