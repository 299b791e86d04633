"""A Twilio account by REST: its type, how its numbers are configured, what its debugger shows.

Nothing is changed and no call is placed. Phone numbers and names are left where they are.
"""

import datetime
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx2

from devtools.conformance.outcomes import NotObserved, Observed, Outcome
from simulators.twilio.alerts import AlertCode

API_URL = "https://api.twilio.com"
MONITOR_URL = "https://monitor.twilio.com"
_PAGE_SIZE = 100

Json = Mapping[str, Any]


class CredentialsRefused(Exception):
    """Twilio does not know the account or its token."""


async def look_at_account(
    http: httpx2.AsyncClient, account_sid: str, since: datetime.date
) -> dict[str, Outcome]:
    """Outcomes by the ids of Twilio's behaviours; `since` is the first day of the alerts.

    `http` carries the credentials and the deadline. Raises CredentialsRefused.
    """
    account = f"{API_URL}/2010-04-01/Accounts/{account_sid}"
    numbers = f"{account}/IncomingPhoneNumbers.json?PageSize={_PAGE_SIZE}"
    alerts = f"{MONITOR_URL}/v1/Alerts?StartDate={since}&PageSize={_PAGE_SIZE}"
    return {
        "account-type": await _look(http, f"{account}.json", read_account),
        "webhooks-by-post": await _look(http, numbers, read_numbers),
        "alert-codes": await _look(http, alerts, read_alerts),
    }


async def _look(http: httpx2.AsyncClient, url: str, read: Callable[[Json], Observed]) -> Outcome:
    try:
        response = await http.get(url)
    except httpx2.TransportError as error:
        return NotObserved(f"cannot connect: {type(error).__name__}")
    if response.status_code == 401:
        raise CredentialsRefused
    if response.status_code != 200:
        return NotObserved(f"HTTP {response.status_code}")
    try:
        return read(response.json())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return NotObserved(f"an answer of an unexpected shape: {type(error).__name__}: {error}")


def read_account(account: Json) -> Observed:
    return Observed({"type": str(account["type"]).lower(), "status": str(account["status"])})


def read_numbers(page: Json) -> Observed:
    numbers: Sequence[Json] = page["incoming_phone_numbers"]
    voice = [n["voice_method"] for n in numbers if n.get("voice_url")]
    status = [n["status_callback_method"] for n in numbers if n.get("status_callback")]
    return Observed(
        {
            "numbers": str(len(numbers)),
            "voice webhooks by POST": f"{voice.count('POST')} of {len(voice)}",
            "status callbacks by POST": f"{status.count('POST')} of {len(status)}",
        }
    )


def read_alerts(page: Json) -> Observed:
    codes = Counter(int(alert["error_code"]) for alert in page["alerts"] if alert["error_code"])
    ours = {int(code) for code in AlertCode}
    shown = [f"{code} ({count})" for code, count in sorted(codes.items())]
    new = [str(code) for code in sorted(codes) if code not in ours]
    return Observed(
        {
            "codes of the last day": ", ".join(shown) or "none",
            "not known to our stand-in": ", ".join(new) or "none",
        }
    )
