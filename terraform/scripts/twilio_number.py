"""Points a Twilio number at a deployment, and back: `twilio_number.py set` or `restore`.

Run by Terraform (twilio.tf), with all input in the environment. The number's previous settings are
kept as an object below MEMORY_URL. Each Twilio region has its own record of a number; this sets the
one in TWILIO_REGION. That region's auth token comes from Secret Manager, through gcloud, because a
destroy knows only the state. `restore` never fails, because that would block the destroy forever;
it says what to do by hand. It needs only Python's standard library and gcloud.
"""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_ANSWER_WITHIN_S = 30
_GCLOUD_WITHIN_S = 120
_FIELDS = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceApplicationSid": "voice_application_sid",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
}
"""The settings' names in Twilio's requests, and in its responses. The application is cleared,
because it would override the URL."""

_WEBHOOK = re.compile(
    r"https://(?P<name>[a-z0-9-]+)-(incoming-call|webhook)-(?P<project>\d+)\.[a-z0-9-]+\.run\.app/?"
)
"""A Ringdown webhook's Cloud Run URL, as a function or a service."""

Number = dict[str, Any]


class Failed(Exception):
    """The number can't be set or restored; the message says what to do."""


class NotThere(Failed):
    """Twilio doesn't have this resource."""


@dataclass(frozen=True)
class Settings:
    account_sid: str
    phone_number: str
    voice_url: str
    fallback_url: str
    status_url: str
    token_secret: str
    token_version: str
    memory_url: str
    region: str
    domain: str
    base_url: str

    def url_of(self, product: str) -> str:
        """Return the URL of a Twilio API."""
        return self.base_url.replace("{host}", f"{product}.{self.domain}")

    def is_ours(self, voice_url: str | None) -> bool:
        """Whether the URL is this deployment's, in any region, and as a function or a service."""
        ours, other = _WEBHOOK.fullmatch(self.voice_url), _WEBHOOK.fullmatch(voice_url or "")
        if ours is None or other is None:
            return voice_url == self.voice_url
        return ours.group("name", "project") == other.group("name", "project")

    @property
    def wanted(self) -> dict[str, str]:
        return {
            "VoiceUrl": self.voice_url,
            "VoiceMethod": "POST",
            "VoiceApplicationSid": "",
            "VoiceFallbackUrl": self.fallback_url,
            "VoiceFallbackMethod": "POST",
            "StatusCallback": self.status_url,
            "StatusCallbackMethod": "POST",
        }


def read_settings(environ: Mapping[str, str]) -> Settings:
    return Settings(
        account_sid=environ["ACCOUNT_SID"],
        phone_number=environ["PHONE_NUMBER"],
        voice_url=environ["VOICE_URL"],
        fallback_url=environ["FALLBACK_URL"],
        status_url=environ["STATUS_URL"],
        token_secret=environ["TOKEN_SECRET"],
        token_version=environ.get("TOKEN_VERSION", "latest"),
        memory_url=environ["MEMORY_URL"],
        region=environ["TWILIO_REGION"],
        domain=environ["TWILIO_DOMAIN"],
        base_url=environ.get("TWILIO_URL", "https://{host}"),
    )


class Twilio:
    """Twilio's REST API, for one account."""

    def __init__(self, settings: Settings, token: str) -> None:
        credentials = f"{settings.account_sid}:{token}".encode()
        self._authorization = f"Basic {base64.b64encode(credentials).decode()}"
        api, self._routes_url = settings.url_of("api"), settings.url_of("routes")
        self._account_url = f"{api}/2010-04-01/Accounts/{settings.account_sid}"

    def find(self, phone_number: str) -> Number:
        query = urllib.parse.urlencode({"PhoneNumber": phone_number})
        found = self._ask(f"{self._account_url}/IncomingPhoneNumbers.json?{query}")
        if not found["incoming_phone_numbers"]:
            raise Failed(
                "The Twilio account has no such number. Compare phone_numbers and the account SID"
                " with https://console.twilio.com, Phone Numbers, Active numbers."
            )
        number: Number = found["incoming_phone_numbers"][0]
        return number

    def processed_in(self, phone_number: str) -> str:
        """Return the region that processes the number's calls; us1 if it was never routed.

        https://www.twilio.com/docs/global-infrastructure/inbound-processing-api
        """
        quoted = urllib.parse.quote(phone_number)
        try:
            return str(self._ask(f"{self._routes_url}/v2/PhoneNumbers/{quoted}")["voice_region"])
        except NotThere:
            return "us1"

    def change(self, sid: str, fields: Mapping[str, str]) -> None:
        url = f"{self._account_url}/IncomingPhoneNumbers/{sid}.json"
        self._ask(url, urllib.parse.urlencode(fields).encode())

    def _ask(self, url: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - Twilio's URL, or a test's
            url, body, {"Authorization": self._authorization}
        )
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            raise (NotThere if error.code == 404 else Failed)(_explanation(error.code)) from None
        except (OSError, ValueError) as error:
            raise Failed(f"Can't reach Twilio ({error}). Apply again.") from None


_BY_HAND = (
    "Set its URLs by hand, or release it: https://console.twilio.com, Phone Numbers,"
    " Active numbers."
)


def _explanation(status: int) -> str:
    if status in (401, 403):
        return (
            f"Twilio refuses the account SID with this auth token ({status}). Copy both from the"
            " first page of https://console.twilio.com, the token for the region in twilio_region;"
            " for another token, raise secret_versions.twilio_auth_token. Then apply again."
        )
    return f"Twilio answers {status}. See https://status.twilio.com, and apply again."


def point_here(settings: Settings, twilio: Twilio) -> Iterator[str]:
    """Set the number's URLs, after saving the previous ones. Yields messages."""
    number = twilio.find(settings.phone_number)
    if all((number.get(name) or "") == settings.wanted[field] for field, name in _FIELDS.items()):
        yield "Its calls come here, as before."
    else:
        yield from _keep(settings, number)
        twilio.change(number["sid"], settings.wanted)
        yield "Its calls come here now. Its previous URLs are saved."
    if number.get("trunk_sid"):
        yield (
            "It belongs to a SIP trunk, which gets its calls regardless of its URLs. Remove it from"
            " the trunk: https://console.twilio.com, Elastic SIP Trunking, Trunks."
        )
    yield from _elsewhere(settings, twilio)


def _elsewhere(settings: Settings, twilio: Twilio) -> Iterator[str]:
    """Yield a message if calls go to a region other than the one being set."""
    try:
        region = twilio.processed_in(settings.phone_number)
    except Failed as failure:
        yield f"Can't tell in which region Twilio processes its calls. {failure}"
        return
    if region != settings.region:
        yield (
            f"Twilio processes its calls in {region}, where it has other URLs, instead of in"
            f" {settings.region}. Route it to {settings.region} (https://console.twilio.com, the"
            f' number, Regional), or set twilio_region = "{region}" and that region\'s auth'
            " token: docs/deploy.md, Where it runs."
        )


def _keep(settings: Settings, number: Number) -> Iterator[str]:
    """Save the number's URLs, unless they are ours."""
    if settings.is_ours(number["voice_url"]):
        return
    before = {field: number.get(name) or "" for field, name in _FIELDS.items()}
    _gcloud(("storage", "cp", "-", _memory(settings, number)), given=json.dumps(before, indent=2))
    if _WEBHOOK.fullmatch(before["VoiceUrl"]):
        yield (
            f"Until now another deployment answered it: {before['VoiceUrl']}. Give each deployment"
            " its own number, or destroy that one before you apply here."
        )


def put_back(settings: Settings, twilio: Twilio) -> Iterator[str]:
    """Restore the number's URLs, unless someone has changed them since."""
    number = twilio.find(settings.phone_number)
    if not settings.is_ours(number["voice_url"]):
        yield "Someone has changed its URLs in the meantime, so they stay."
        return
    try:
        before = json.loads(_gcloud(("storage", "cat", _memory(settings, number))))
        voice_url = before["VoiceUrl"]
    except (KeyError, TypeError, ValueError):
        raise Failed(f"{_memory(settings, number)} can't be read.") from None
    twilio.change(number["sid"], before)
    if _WEBHOOK.fullmatch(voice_url):
        yield (
            f"It is back with the deployment that had it before: {voice_url}. If that one is"
            f" gone, its calls fail. {_BY_HAND}"
        )
    else:
        yield "Its previous URLs are restored."


def _memory(settings: Settings, number: Number) -> str:
    return f"{settings.memory_url}/{number['sid']}.json"


def _gcloud(arguments: tuple[str, ...], given: str | None = None) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our arguments
            ("gcloud", *arguments, "--quiet"),  # noqa: S607 - wherever it is installed
            input=given,
            capture_output=True,
            text=True,
            timeout=_GCLOUD_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"Can't run gcloud: {error}") from None
    if done.returncode != 0:
        raise Failed(f"gcloud {' '.join(arguments[:2])} failed: {done.stderr.strip()}")
    return done.stdout


def main() -> None:
    settings, restoring = read_settings(os.environ), sys.argv[1] == "restore"

    def tell(text: str) -> None:
        print(f"{settings.phone_number}: {text}", flush=True)  # noqa: T201 - for the person who runs the apply

    try:
        secret = f"--secret={settings.token_secret}"
        token = _gcloud(("secrets", "versions", "access", settings.token_version, secret)).strip()
        act = put_back if restoring else point_here
        for line in act(settings, Twilio(settings, token)):
            tell(line)
    except Failed as failure:
        tell(f"Its previous URLs weren't restored. {failure}" if restoring else str(failure))
        if not restoring:
            sys.exit(1)
        tell(_BY_HAND)


if __name__ == "__main__":
    main()
