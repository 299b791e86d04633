"""Is the Twilio account in order, and is it a trial?"""

from ringdown_cli.doctor.asking import Means, Unreachable
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.twilio_rest import (
    NO_CREDENTIALS,
    Account,
    TwilioRefused,
    in_words,
    twilio_of,
)
from ringdown_cli.doctor.verdicts import Verdict, good, limited, untried, wrong


async def check_account(deployment: Deployment, means: Means) -> Verdict:
    twilio = twilio_of(deployment, means)
    if twilio is None:
        return untried(*NO_CREDENTIALS)
    try:
        return judge_account(await twilio.account())
    except (TwilioRefused, Unreachable) as error:
        return wrong(*in_words(error))


def judge_account(account: Account) -> Verdict:
    if account.status != "active":
        return wrong(
            f"the account is {account.status or 'in an unknown state'}",
            "Twilio doesn't connect its calls. To see why: https://console.twilio.com",
        )
    if account.type.lower() == "trial":
        return limited(
            "a trial account",
            "Callers hear Twilio's trial message first, and calls and texts only reach numbers that"
            " you have verified; transfers and the fallback number fail for others. Upgrade:"
            " https://console.twilio.com/billing",
        )
    return good("active, not a trial")
