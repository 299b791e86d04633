"""Do the line's numbers point to the webhook, in the region that gets their calls?"""

import asyncio

from ringdown_cli.doctor.asking import Means, Unreachable
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.twilio_rest import (
    NO_CREDENTIALS,
    NO_NUMBER,
    Number,
    TwilioRefused,
    in_words,
    twilio_of,
)
from ringdown_cli.doctor.verdicts import State, Verdict, good, limited, of_several, untried, wrong

_APPLY = "terraform apply sets it; by hand: https://console.twilio.com, Phone Numbers"


async def check_number(deployment: Deployment, means: Means) -> Verdict:
    if not deployment.phone_numbers:
        return untried(*NO_NUMBER)
    async with asyncio.TaskGroup() as group:
        tasks = {
            number: group.create_task(check_one(number, deployment, means))
            for number in deployment.phone_numbers
        }
    return of_several({number: task.result() for number, task in tasks.items()})


async def check_one(phone_number: str, deployment: Deployment, means: Means) -> Verdict:
    twilio = twilio_of(deployment, means)
    if twilio is None:
        return untried(*NO_CREDENTIALS)
    if deployment.webhook_url is None:
        return untried("the webhook's URL is unknown", "Set PUBLIC_URL.")
    try:
        verdict = judge_number(await twilio.number(phone_number), deployment.webhook_url)
    except (TwilioRefused, Unreachable) as error:
        return wrong(*in_words(error))
    try:
        return judge_region(verdict, await twilio.processed_in(phone_number), twilio.region)
    except (TwilioRefused, Unreachable) as error:
        if verdict.state is not State.GOOD:
            return verdict
        reason, advice = in_words(error)
        return untried(
            f"{verdict.finding}; the region that processes them is unknown: {reason}", advice
        )


def judge_region(verdict: Verdict, processed_in: str, region: str) -> Verdict:
    """Return `verdict`, which is about the number in `region`, if its calls are processed there."""
    if processed_in == region:
        return verdict
    return wrong(
        f"Twilio processes its calls in {processed_in}, where it has other URLs than in {region}",
        f"Route it to {region}: https://console.twilio.com, the number, Regional. Or set"
        f' twilio_region = "{processed_in}", and give that region\'s auth token: docs/deploy.md,'
        " Where it runs.",
    )


def judge_number(number: Number | None, webhook_url: str) -> Verdict:
    if number is None:
        return wrong(
            "the number doesn't belong to this account",
            "Buy it, or use one that you have: https://console.twilio.com, Phone Numbers",
        )
    if not number.capabilities.voice:
        return wrong("the number can't take calls", "Buy one with voice.")
    if number.trunk_sid or number.voice_application_sid:
        return wrong(
            "a SIP trunk or a TwiML app gets the number's calls, regardless of its webhook",
            "In Twilio's console, send the number's calls to a webhook.",
        )
    if _plain(number.voice_url) != webhook_url:
        return wrong(
            f"calls go {f'to {number.voice_url}' if number.voice_url else 'nowhere'}, not to"
            f" {webhook_url}",
            f"Set the voice URL to {webhook_url}/, with POST. {_APPLY}",
        )
    if number.voice_method != "POST":
        return wrong(f"calls arrive with {number.voice_method}", f"Set it to POST. {_APPLY}")
    status_url = f"{webhook_url}/status"
    if _plain(number.status_callback) != status_url or number.status_callback_method != "POST":
        return limited(
            "calls arrive, but Twilio doesn't report how they end",
            f"Set the status callback to {status_url}, with POST. {_APPLY}",
        )
    return _judge_fallback(_plain(number.voice_fallback_url), webhook_url)


def _judge_fallback(fallback_url: str, webhook_url: str) -> Verdict:
    """Judge the fallback, which answers if the webhook doesn't, of a number that is otherwise
    fine."""
    if not fallback_url:
        return limited(
            "calls arrive, but nothing answers them if the webhook can't be reached",
            f"Set the fallback URL to {webhook_url}/fallback, with POST, or to a TwiML Bin"
            f" (docs/deploy.md, When the deployment itself fails). {_APPLY}",
        )
    if fallback_url == f"{webhook_url}/fallback":
        return good("calls and status callbacks reach the webhook, which is also the fallback")
    return good(f"calls and status callbacks reach the webhook, with {fallback_url} as fallback")


def _plain(url: str | None) -> str:
    return (url or "").rstrip("/")
