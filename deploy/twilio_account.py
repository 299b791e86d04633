"""Reads a Twilio account in one region: checks the token, and lists the numbers."""

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.commands import Stop

_WITHIN_S = 30
ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")
DEFAULT_REGION = "us1"


def twilio_domains(root: Path) -> dict[str, str]:
    """Return the API domain of each Twilio region."""
    file = root / "shared" / "ringdown" / "packaged" / "twilio_regions.json"
    domains: dict[str, str] = json.loads(file.read_text("utf-8"))
    return domains


@dataclass(frozen=True, slots=True)
class Number:
    phone_number: str
    voice_url: str

    def __str__(self) -> str:
        return f"{self.phone_number}  now: {self.voice_url or 'nothing'}"


class _NotThere(Stop):
    pass


class TwilioAccount:
    """`url` is `https://{host}`, or the URL of a test's server."""

    def __init__(self, url: str, domain: str, account_sid: str, token: str) -> None:
        credentials = base64.b64encode(f"{account_sid}:{token}".encode()).decode()
        self._authorization = f"Basic {credentials}"
        api, self._routes_url = (
            url.replace("{host}", f"{product}.{domain}") for product in ("api", "routes")
        )
        self._account_url = f"{api}/2010-04-01/Accounts/{account_sid}"

    def is_trial(self) -> bool:
        account = self._ask(f"{self._account_url}.json")
        if account["status"] != "active":
            raise Stop(f"The Twilio account is {account['status']}: https://console.twilio.com")
        return bool(account["type"] == "Trial")

    def voice_numbers(self) -> list[Number]:
        found = self._ask(f"{self._account_url}/IncomingPhoneNumbers.json?PageSize=1000")
        return [
            Number(number["phone_number"], number["voice_url"] or "")
            for number in found["incoming_phone_numbers"]
            if number["capabilities"]["voice"]
        ]

    def processed_in(self, phone_number: str) -> str:
        """Return the region that processes the number's calls; us1 if it was never routed."""
        url = f"{self._routes_url}/v2/PhoneNumbers/{urllib.parse.quote(phone_number)}"
        try:
            return str(self._ask(url)["voice_region"])
        except _NotThere:
            return DEFAULT_REGION

    def _ask(self, url: str) -> Any:
        request = urllib.request.Request(  # noqa: S310 - Twilio's URL, or a test's
            url, headers={"Authorization": self._authorization}
        )
        try:
            with urllib.request.urlopen(request, timeout=_WITHIN_S) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (401, 403, 404):
                raise (_NotThere if error.code == 404 else Stop)(
                    f"Twilio refuses the account SID with this auth token ({error.code}). Copy both"
                    " from the first page of https://console.twilio.com, where each region has a"
                    " separate token. If you have since changed the token there, docs/deploy.md,"
                    " Rotate secrets, says how to set the new one."
                ) from None
            raise Stop(f"Twilio answers {error.code}. See https://status.twilio.com") from None
        except OSError as error:
            raise Stop(f"Can't reach Twilio ({error}).") from None
