"""Does the webhook answer a signed request with a stream? A call that no phone makes, erased again.

Its caller is `ringdown-doctor`, and its SID begins with CAd0c7, so that it can be told apart should
it stay.
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
"""Twilio gives up after 15 s; a caller does not wait that long."""
_ERASED_WITHIN_S = 10.0
_REFUSAL = "The signature is missing or wrong."


async def check_webhook(deployment: Deployment, means: Means) -> Verdict:
    url, token = deployment.webhook_url, deployment.twilio_auth_token
    if url is None:
        return untried("nobody told where the webhook is", "Set PUBLIC_URL.")
    if token is None:
        return untried(
            "it takes Twilio's auth token to sign a request",
            "Set TWILIO_AUTH_TOKEN, and look again.",
        )
    form = _form(deployment)
    try:
        answer = await _signed(means, url, form, token)
        await _signed(means, f"{url}/status", {**form, "CallStatus": "completed"}, token)
    except Unreachable as error:
        return wrong(
            f"cannot be reached: {error}",
            "Is it deployed, and is this its address? On this machine: is `make stack` running?",
        )
    erased = await _erased(deployment.store_url)
    return judge_webhook(answer, deployment.stream_url, erased=erased, call_sid=form["CallSid"])


def judge_webhook(
    answer: Answer, stream_url: str | None, *, erased: bool, call_sid: str
) -> Verdict:
    """`stream_url` is where the stream must lead, if that is known."""
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
            "Callers are turned away now: outside the opening hours, or by a limit of the line"
            " (ringdown calls list --since today; docs/prompts.md, Opening hours)."
            if twiml.verbs
            else "Whatever is at this address is not Ringdown's webhook. Check its URL.",
        )
    wanted = stream_url and f"{stream_url}/media"
    if wanted and twiml.stream_url != wanted:
        return wrong(
            f"sends callers to {twiml.stream_url}, and the handler is at {wanted}",
            "Set STREAM_URL of the webhook to the handler's address: terraform apply",
        )
    if answer.took_ms > MOST_MS:
        return limited(
            f"answers with a stream, but after {answer.took_ms} ms",
            "Look again: the first answer after a rest takes longest. To keep an instance ready,"
            " see docs/deploy.md.",
        )
    rest = "" if erased else f"; its record {call_sid} stays, from caller {CALLER}"
    return good(f"answers a signed call with a stream in {answer.took_ms} ms{rest}")


def _refused(answer: Answer) -> Verdict:
    if _REFUSAL in answer.text:
        return wrong(
            "refuses our signature",
            "The auth token here is not the webhook's, or its PUBLIC_URL is not this address. Copy"
            " the token from https://console.twilio.com, give it as TF_VAR_twilio_auth_token, and"
            " run terraform apply again.",
        )
    return wrong(
        f"the platform itself refuses strangers (HTTP {answer.status})",
        "Twilio is one. Let allUsers invoke the function; if your organisation forbids that"
        " (domain-restricted sharing), see docs/deploy.md, What can go wrong.",
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
    """POST as Twilio does. Raises Unreachable."""
    signature = RequestValidator(token).compute_signature(url, form)
    return await post_form(means, url, form, {"X-Twilio-Signature": signature})


async def _erased(store_url: str | None) -> bool:
    """Whether the call's record is gone; the doctor may not have the right to that."""
    if store_url is None:
        return False
    try:
        async with asyncio.timeout(_ERASED_WITHIN_S), open_store(store_url) as store:
            return (await store.forget_caller(CALLER)).calls > 0
    except (RingdownError, TimeoutError):
        return False
