"""Twilio's REST API: the account, its numbers, where calls to them go, and their registrations.

Field names are those of Twilio's library, version 9.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from ringdown_cli.doctor.asking import Answer, Means, Unreachable, basic, get, post_form
from ringdown_cli.doctor.deployment import Deployment
from ringdown_cli.doctor.twilio_regions import DEFAULT_TWILIO_REGION, twilio_domains

_PAGE = "PageSize=100"
_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class TwilioRefused(Exception):
    """Twilio answered, but not with the expected resource; the message says how."""

    def __init__(self, reason: str, *, status: int) -> None:
        self.status = status
        super().__init__(reason)


class Account(msgspec.Struct, frozen=True):
    type: str = ""
    """Full or Trial."""
    status: str = ""
    """active, suspended or closed."""


class Capabilities(msgspec.Struct, frozen=True):
    voice: bool = False
    sms: bool = False


class Number(msgspec.Struct, frozen=True):
    sid: str = ""
    phone_number: str = ""
    voice_url: str | None = None
    voice_method: str | None = None
    voice_fallback_url: str | None = None
    status_callback: str | None = None
    status_callback_method: str | None = None
    voice_application_sid: str | None = None
    trunk_sid: str | None = None
    capabilities: Capabilities = Capabilities()


class Numbers(msgspec.Struct, frozen=True):
    incoming_phone_numbers: tuple[Number, ...] = ()


class Routing(msgspec.Struct, frozen=True):
    voice_region: str | None = None


class Service(msgspec.Struct, frozen=True):
    sid: str = ""


class Services(msgspec.Struct, frozen=True):
    services: tuple[Service, ...] = ()


class Campaign(msgspec.Struct, frozen=True):
    campaign_status: str | None = None


class Campaigns(msgspec.Struct, frozen=True):
    compliance: tuple[Campaign, ...] = ()


class Member(msgspec.Struct, frozen=True):
    phone_number: str | None = None


class Members(msgspec.Struct, frozen=True):
    phone_numbers: tuple[Member, ...] = ()


class Verification(msgspec.Struct, frozen=True):
    status: str | None = None


class Verifications(msgspec.Struct, frozen=True):
    verifications: tuple[Verification, ...] = ()


@dataclass(frozen=True, slots=True)
class Twilio:
    """The account in one region. Any method can raise TwilioRefused or Unreachable."""

    means: Means
    region: str
    account_sid: str
    auth_token: str

    async def account(self) -> Account:
        return await self._read(f"{self._account_url}.json", Account)

    async def number(self, phone_number: str) -> Number | None:
        """The number if the account has it, or None."""
        plus = phone_number.replace("+", "%2B")
        url = f"{self._account_url}/IncomingPhoneNumbers.json?PhoneNumber={plus}"
        found = (await self._read(url, Numbers)).incoming_phone_numbers
        return next((n for n in found if n.phone_number == phone_number), None)

    async def processed_in(self, phone_number: str) -> str:
        """The region that processes the number's calls; us1 if it was never routed.

        https://www.twilio.com/docs/global-infrastructure/inbound-processing-api
        """
        url = f"{self._host('routes')}/v2/PhoneNumbers/{phone_number.replace('+', '%2B')}"
        try:
            return (await self._read(url, Routing)).voice_region or DEFAULT_TWILIO_REGION
        except TwilioRefused as refusal:
            if refusal.status != 404:
                raise
            return DEFAULT_TWILIO_REGION

    async def change(self, number: Number, fields: Mapping[str, str]) -> Number:
        """Set `fields` (Twilio's parameter names). Returns the updated number."""
        url = f"{self._account_url}/IncomingPhoneNumbers/{number.sid}.json"
        answer = await post_form(self.means, url, fields, self._credentials)
        return _decoded(answer, Number)

    async def campaign_of(self, phone_number: str) -> str | None:
        """The state of the number's A2P campaign; None if it has none."""
        base = f"{self._host('messaging')}/v1/Services"
        for service in (await self._read(f"{base}?{_PAGE}", Services)).services:
            members = await self._read(f"{base}/{service.sid}/PhoneNumbers?{_PAGE}", Members)
            if any(member.phone_number == phone_number for member in members.phone_numbers):
                url = f"{base}/{service.sid}/Compliance/Usa2p?{_PAGE}"
                campaigns = (await self._read(url, Campaigns)).compliance
                return campaigns[0].campaign_status if campaigns else None
        return None

    async def tollfree_verification_of(self, number: Number) -> str | None:
        """The state of a toll-free number's verification; None if it was never requested."""
        base = f"{self._host('messaging')}/v1/Tollfree/Verifications"
        url = f"{base}?TollfreePhoneNumberSid={number.sid}&{_PAGE}"
        found = (await self._read(url, Verifications)).verifications
        return found[0].status if found else None

    @property
    def _account_url(self) -> str:
        return f"{self._host('api')}/2010-04-01/Accounts/{self.account_sid}"

    @property
    def _credentials(self) -> dict[str, str]:
        return basic(self.account_sid, self.auth_token)

    def _host(self, product: str) -> str:
        host = f"{product}.{twilio_domains()[self.region]}"
        return self.means.peers.twilio.replace("{host}", host)

    async def _read(self, url: str, shape: type[_Shape]) -> _Shape:
        return _decoded(await get(self.means, url, headers=self._credentials), shape)


def _decoded(answer: Answer, shape: type[_Shape]) -> _Shape:
    if answer.status != 200:
        raise TwilioRefused(f"HTTP {answer.status}", status=answer.status)
    try:
        return msgspec.json.decode(answer.text, type=shape)
    except msgspec.DecodeError as error:
        raise TwilioRefused(f"an unexpected format: {error}", status=200) from error


def twilio_of(deployment: Deployment, means: Means) -> Twilio | None:
    """Return the deployment's Twilio account, or None without credentials."""
    sid, token = deployment.twilio_account_sid, deployment.twilio_auth_token
    return Twilio(means, deployment.twilio_region, sid, token) if sid and token else None


NO_CREDENTIALS = (
    "Twilio needs credentials",
    "Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (https://console.twilio.com), and try again.",
)
NO_NUMBER = ("the line's numbers are unknown", "Set PHONE_NUMBERS, such as +14155550100.")


def in_words(error: Unreachable | TwilioRefused) -> tuple[str, str]:
    """Say what happened, and what to do."""
    if isinstance(error, Unreachable):
        return f"can't reach Twilio: {error}", "Check this machine's network, and try again."
    if error.status == 401:
        advice = (
            "Copy the account SID and auth token from https://console.twilio.com, where each region"
            " has a separate token. If you rotated the token, deploy the new one: docs/deploy.md,"
            " Rotate secrets."
        )
        return "Twilio doesn't accept this account and token", advice
    return f"Twilio answers with {error}", "See https://status.twilio.com, and try again."
