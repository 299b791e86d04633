"""Do the line's numbers lead to the webhook, in the region to which their calls go?"""

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
    """Checks every number, side by side."""
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
        return untried("nobody told where the webhook is", "Set PUBLIC_URL.")
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
            f"{verdict.finding}; in which region Twilio processes them: {reason}", advice
        )


def judge_region(verdict: Verdict, processed_in: str, region: str) -> Verdict:
    """`verdict` is on the number as `region` has it, and counts if calls go there."""
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
            "the number is not one of this account's",
            "Buy it, or give one that you have: https://console.twilio.com, Phone Numbers",
        )
    if not number.capabilities.voice:
        return wrong("the number takes no calls", "Buy one with voice.")
    if number.trunk_sid or number.voice_application_sid:
        return wrong(
            "a SIP trunk or a TwiML app takes the number's calls, whatever its webhook is",
            "In Twilio's console, let the number's calls come to a webhook.",
        )
    if _plain(number.voice_url) != webhook_url:
        return wrong(
            f"calls go to {number.voice_url or 'nobody'}, not to {webhook_url}",
            f"Set the voice URL to {webhook_url}/, by POST. {_APPLY}",
        )
    if number.voice_method != "POST":
        return wrong(f"calls come by {number.voice_method}", f"Set it to POST. {_APPLY}")
    status_url = f"{webhook_url}/status"
    if _plain(number.status_callback) != status_url or number.status_callback_method != "POST":
        return limited(
            "calls arrive, but Twilio does not tell how they end",
            f"Set the status callback to {status_url}, by POST. {_APPLY}",
        )
    return _judge_fallback(_plain(number.voice_fallback_url), webhook_url)


def _judge_fallback(fallback_url: str, webhook_url: str) -> Verdict:
    """On a number that is right otherwise: who answers if the webhook doesn't."""
    if not fallback_url:
        return limited(
            "calls arrive, but nothing answers them if the webhook can't be reached",
            f"Set the fallback URL to {webhook_url}/fallback, by POST, or to a TwiML Bin"
            f" (docs/deploy.md, When the deployment itself fails). {_APPLY}",
        )
    if fallback_url == f"{webhook_url}/fallback":
        return good("calls and their end come to the webhook, which is its own fallback")
    return good(f"calls and their end come to the webhook, with {fallback_url} as fallback")


def _plain(url: str | None) -> str:
    return (url or "").rstrip("/")
