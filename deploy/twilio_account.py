"""The Twilio account: whether the token is right, and which numbers can be answered."""

import base64
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from deploy.commands import Stop

_WITHIN_S = 30
ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Number:
    phone_number: str
    voice_url: str

    def __str__(self) -> str:
        return f"{self.phone_number}  now: {self.voice_url or 'nothing'}"


class TwilioAccount:
    def __init__(self, api_url: str, account_sid: str, token: str) -> None:
        credentials = base64.b64encode(f"{account_sid}:{token}".encode()).decode()
        self._authorization = f"Basic {credentials}"
        self._url = f"{api_url}/2010-04-01/Accounts/{account_sid}"

    def is_trial(self) -> bool:
        account = self._ask(".json")
        if account["status"] != "active":
            raise Stop(f"The Twilio account is {account['status']}: https://console.twilio.com")
        return bool(account["type"] == "Trial")

    def voice_numbers(self) -> list[Number]:
        found = self._ask("/IncomingPhoneNumbers.json?PageSize=100")["incoming_phone_numbers"]
        return [
            Number(number["phone_number"], number["voice_url"] or "")
            for number in found
            if number["capabilities"]["voice"]
        ]

    def _ask(self, path: str) -> Any:
        request = urllib.request.Request(  # noqa: S310 - Twilio's address, or a test's
            self._url + path, headers={"Authorization": self._authorization}
        )
        try:
            with urllib.request.urlopen(request, timeout=_WITHIN_S) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (401, 403, 404):
                raise Stop(
                    f"Twilio refuses the account SID with this auth token ({error.code}). Copy both"
                    " from the first page of https://console.twilio.com. If the token was changed"
                    " there since: docs/deploy.md, Rotate secrets, says how to give the new one."
                ) from None
            raise Stop(f"Twilio answers {error.code}. See https://status.twilio.com") from None
        except OSError as error:
            raise Stop(f"Twilio can't be reached ({error}).") from None
