"""Can the numbers send texts? Carriers in the US and Canada block unregistered numbers."""

import asyncio
import re

from ringdown_cli.doctor.asking import Means, Unreachable
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.twilio_rest import (
    NO_CREDENTIALS,
    NO_NUMBER,
    Number,
    Twilio,
    TwilioRefused,
    in_words,
    twilio_of,
)
from ringdown_cli.doctor.verdicts import Verdict, good, limited, of_several, untried

_TOLL_FREE = re.compile(r"\+1(800|833|844|855|866|877|888)[0-9]{7}")
_APPROVED = frozenset({"VERIFIED", "TWILIO_APPROVED"})


async def check_messaging(deployment: Deployment, means: Means) -> Verdict:
    twilio = twilio_of(deployment, means)
    if twilio is None:
        return untried(*NO_CREDENTIALS)
    if not deployment.phone_numbers:
        return untried(*NO_NUMBER)
    async with asyncio.TaskGroup() as group:
        tasks = {
            number: group.create_task(_check_one(number, twilio))
            for number in deployment.phone_numbers
        }
    return of_several({number: task.result() for number, task in tasks.items()})


async def _check_one(phone_number: str, twilio: Twilio) -> Verdict:
    try:
        number = await twilio.number(phone_number)
        if number is None:
            return untried("the number doesn't belong to this account")
        return judge_messaging(number, await _registration(twilio, number), twilio.region)
    except (TwilioRefused, Unreachable) as error:
        return untried(*in_words(error))


def judge_messaging(number: Number, registration: str | None, region: str) -> Verdict:
    """`registration` is the state of the campaign or verification under which texts are sent; only
    us1 knows it."""
    if not number.capabilities.sms:
        return limited("the number can't send texts", "To send texts, buy a number with SMS.")
    if region == "au1" or (region == "ie1" and number.phone_number.startswith("+1")):
        return limited(
            f"Twilio doesn't send texts from this number in {region}",
            "Calls aren't affected. Send texts through us1: docs/deploy.md, Where it runs.",
        )
    if region == "ie1":
        return limited(
            "the number can send texts if its messaging region is ie1, which only us1 knows",
            "To check: https://console.twilio.com, the number, Regional",
        )
    if not number.phone_number.startswith("+1"):
        return good("the number can send texts; its country may have additional rules")
    if registration in _APPROVED:
        return good("the number can send texts, and is registered for them")
    kind, page = _kind(number)
    return limited(
        f"carriers block its texts: {kind} is {registration or 'missing'}",
        f"Calls aren't affected. To send texts, register: {page}",
    )


def _kind(number: Number) -> tuple[str, str]:
    if _TOLL_FREE.fullmatch(number.phone_number):
        return (
            "its toll-free verification",
            "https://www.twilio.com/docs/messaging/compliance/toll-free",
        )
    return "its A2P 10DLC campaign", "https://www.twilio.com/docs/messaging/compliance/a2p-10dlc"


async def _registration(twilio: Twilio, number: Number) -> str | None:
    if not number.capabilities.sms or not number.phone_number.startswith("+1"):
        return None
    if twilio.region != "us1":
        return None
    if _TOLL_FREE.fullmatch(number.phone_number):
        return await twilio.tollfree_verification_of(number)
    return await twilio.campaign_of(number.phone_number)
