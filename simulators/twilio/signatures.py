"""Signs requests as Twilio does.

Sources: https://www.twilio.com/docs/usage/security#validating-requests and the validator in the
`twilio` package, which the tests compare with this module.
"""

import base64
import hmac
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

SIGNATURE_HEADER = "X-Twilio-Signature"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A key of the newer scheme: its id is sent in the settings header, and its secret signs."""

    key_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with the account's auth token, or with `shared_key` if there is one."""

    auth_token: str
    shared_key: SharedKey | None = None

    def headers(self, url: str, params: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
        """Return the headers that sign a form post or, without params, a WebSocket upgrade."""
        if self.shared_key is None:
            return {SIGNATURE_HEADER: _sign(self.auth_token, url, params, "sha1")}
        settings = f"key={self.shared_key.key_id},algorithm=HMAC_SHA256"
        return {
            SIGNATURE_HEADER: _sign(self.shared_key.secret, url, params, "sha256"),
            SETTINGS_HEADER: settings,
        }


def _sign(secret: str, url: str, params: Iterable[tuple[str, str]], digest: str) -> str:
    values: defaultdict[str, set[str]] = defaultdict(set)
    for name, value in params:
        values[name].add(value)
    # A fragment holds settings for Twilio itself; it is neither sent nor signed.
    text = url.partition("#")[0]
    for name in sorted(values):
        text += "".join(name + value for value in sorted(values[name]))
    mac = hmac.new(secret.encode(), text.encode(), digest)
    return base64.b64encode(mac.digest()).decode("ascii")
