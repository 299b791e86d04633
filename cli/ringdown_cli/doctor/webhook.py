"""Does the webhook answer a signed request with a stream? The test call is erased afterwards.

Its caller is `ringdown-doctor`, and its SID starts with CAd0c7, so that you can recognise it if it
isn't erased.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from twilio.request_validator import RequestValidator

from ringdown.errors import RingdownError
from ringdown.stores import open_store
from ringdown_cli.doctor.asking import Answer, Means, Unreachable, post_form
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.verdicts import Verdict, good, limited, untried, wrong

CALLER = "ringdown-doctor"
MOST_MS = 5_000
"""Twilio gives up after 15 s; a caller won't wait that long."""
_ERASED_WITHIN_S = 10.0
_REFUSAL = "The signature is missing or wrong."


async def check_webhook(deployment: Deployment, means: Means) -> Verdict:
    url, token = deployment.webhook_url, deployment.twilio_auth_token
    if url is None:
        return untried("the webhook's URL is unknown", "Set PUBLIC_URL.")
    if token is None:
        return untried(
            "signing a request requires Twilio's auth token",
            "Set TWILIO_AUTH_TOKEN, and try again.",
        )
    form = _form(deployment)
    try:
        answer = await _signed(means, url, form, token)
        await _signed(means, f"{url}/status", {**form, "CallStatus": "completed"}, token)
    except Unreachable as error:
        return wrong(
            f"can't be reached: {error}",
            "Is it deployed, and is this its URL? On this machine: is `make stack` running?",
        )
    erased = await _erased(deployment.store_url)
    return judge_webhook(answer, deployment.stream_url, erased=erased, call_sid=form["CallSid"])


def judge_webhook(
    answer: Answer, stream_url: str | None, *, erased: bool, call_sid: str
) -> Verdict:
    """`stream_url` is where the stream should go, if known."""
    if answer.status in (401, 403):
        return _refused(answer)
    if answer.status != 200:
        return wrong(
            f"answers HTTP {answer.status}",
            "Its logs say why: gcloud run services logs read SERVICE --region REGION",
        )
    twiml = _read_twiml(answer.text)
    if twiml.stream_url is None:
        return limited(
            f"answers without a stream: {', '.join(twiml.verbs) or 'no TwiML'}",
            "Callers aren't connected now: it's outside opening hours, or the line is at a limit"
            " (ringdown calls list --since today; docs/prompts.md, Opening hours)."
            if twiml.verbs
            else "This URL isn't Ringdown's webhook. Check it.",
        )
    wanted = stream_url and f"{stream_url}/media"
    if wanted and twiml.stream_url != wanted:
        return wrong(
            f"sends callers to {twiml.stream_url}, but the handler is at {wanted}",
            "Set the webhook's STREAM_URL to the handler's URL: terraform apply",
        )
    if answer.took_ms > MOST_MS:
        return limited(
            f"answers with a stream, but takes {answer.took_ms} ms",
            "Try again: the first request after a pause is slow. To keep an instance ready,"
            " see docs/deploy.md.",
        )
    rest = "" if erased else f"; its record {call_sid}, from caller {CALLER}, wasn't erased"
    return good(f"answers a signed call with a stream in {answer.took_ms} ms{rest}")


def _refused(answer: Answer) -> Verdict:
    if _REFUSAL in answer.text:
        return wrong(
            "refuses our signature",
            "The auth token here isn't the webhook's, or its PUBLIC_URL isn't this URL. Copy the"
            " token from https://console.twilio.com, set TF_VAR_twilio_auth_token to it, raise"
            " secret_versions.twilio_auth_token, and run terraform apply: docs/deploy.md, Rotate"
            " secrets.",
        )
    return wrong(
        f"the platform refuses unauthenticated requests (HTTP {answer.status})",
        "Twilio's requests are unauthenticated. Let allUsers invoke the function; if your"
        " organisation forbids that (domain-restricted sharing), see docs/deploy.md, What can go"
        " wrong.",
    )


@dataclass(frozen=True, slots=True)
class _Twiml:
    verbs: tuple[str, ...] = ()
    stream_url: str | None = None


def _read_twiml(text: str) -> _Twiml:
    try:
        document = ElementTree.fromstring(text)  # noqa: S314 - from our own webhook
    except ElementTree.ParseError:
        return _Twiml()
    if document.tag != "Response":
        return _Twiml()
    stream = document.find("Connect/Stream")
    return _Twiml(
        tuple(f"<{verb.tag}>" for verb in document),
        stream.get("url") if stream is not None else None,
    )


def _form(deployment: Deployment) -> dict[str, str]:
    return {
        "CallSid": f"CAd0c7{secrets.token_hex(14)}",
        "AccountSid": deployment.twilio_account_sid or f"AC{'0' * 32}",
        "From": CALLER,
        "To": next(iter(deployment.phone_numbers), CALLER),
        "CallStatus": "ringing",
        "Direction": "inbound",
    }


async def _signed(means: Means, url: str, form: Mapping[str, str], token: str) -> Answer:
    """POST the way Twilio does. Raises Unreachable."""
    signature = RequestValidator(token).compute_signature(url, form)
    return await post_form(means, url, form, {"X-Twilio-Signature": signature})


async def _erased(store_url: str | None) -> bool:
    """Whether the call's record was erased; the doctor may lack the permission."""
    if store_url is None:
        return False
    try:
        async with asyncio.timeout(_ERASED_WITHIN_S), open_store(store_url) as store:
            return (await store.forget_caller(CALLER)).calls > 0
    except (RingdownError, TimeoutError):
        return False
