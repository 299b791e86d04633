"""Is the stream handler reachable, and does it refuse everyone but Twilio?"""

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from ringdown_cli.doctor.asking import Answer, Means, Unreachable, get, is_this_machine
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.verdicts import Verdict, good, untried, wrong

_REFUSAL = "The signature is missing or wrong."
_OPEN_WITHIN_S = 10.0
_LOGS = "Its logs say why: gcloud run services logs read SERVICE --region REGION"


async def check_handler(deployment: Deployment, means: Means) -> Verdict:
    if deployment.stream_url is None:
        return untried("the handler's URL is unknown", "Set STREAM_URL.")
    try:
        ready = await get(means, ready_url(deployment.stream_url))
        upgrade = await _forged_upgrade(deployment.stream_url, means)
    except Unreachable as error:
        return unreachable(str(error))
    return judge_handler(ready, *upgrade)


def ready_url(stream_url: str) -> str:
    return f"http{stream_url.removeprefix('ws')}/ready"


def unreachable(why: str) -> Verdict:
    return wrong(
        f"can't be reached: {why}",
        "Is it deployed, and is STREAM_URL its URL? On this machine: is `make stack` running?",
    )


def judge_handler(ready: Answer, upgrade_status: int, upgrade_text: str) -> Verdict:
    """`upgrade_status` is the response to an upgrade with a forged signature; 101 means it was
    accepted."""
    if ready.status in (401, 403):
        return wrong(
            f"the platform refuses unauthenticated requests (HTTP {ready.status})",
            "Twilio's requests are unauthenticated. Let allUsers invoke the service; if your"
            " organisation forbids that (domain-restricted sharing), see docs/deploy.md, What can"
            " go wrong.",
        )
    if ready.status != 200:
        return wrong(f"/ready answers HTTP {ready.status}", _LOGS)
    if upgrade_status == 101:
        return wrong(
            "accepts a stream with a forged signature",
            "This URL isn't Ringdown's stream handler. Check STREAM_URL.",
        )
    if upgrade_status != 403 or _REFUSAL not in upgrade_text:
        return wrong(
            f"answers a forged stream with HTTP {upgrade_status} instead of 403",
            f"Is STREAM_URL right? {_LOGS}",
        )
    return good(f"ready in {ready.took_ms} ms; a forged stream is refused")


async def _forged_upgrade(stream_url: str, means: Means) -> tuple[int, str]:
    """Try to open a stream with a forged signature. Returns the response's status and text. Raises
    Unreachable."""
    try:
        async with connect(
            f"{stream_url}/media",
            ssl=means.tls if stream_url.startswith("wss:") else None,
            proxy=None if is_this_machine(stream_url) else True,
            additional_headers={"X-Twilio-Signature": "forged by ringdown doctor"},
            open_timeout=_OPEN_WITHIN_S,
        ):
            return 101, ""
    except InvalidStatus as refusal:
        body = refusal.response.body or b""
        return refusal.response.status_code, body.decode(errors="replace")
    except (OSError, TimeoutError, InvalidHandshake) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error
