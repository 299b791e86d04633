"""Reads the deployed secrets, so that you needn't type them again."""

import base64
import binascii
from collections.abc import Mapping

import msgspec

from ringdown.errors import NoCredentials
from ringdown.gemini.access_token import AccessToken
from ringdown_cli.doctor.asking import Means, Unreachable, get


class _Payload(msgspec.Struct, frozen=True):
    data: str


class _Version(msgspec.Struct, frozen=True):
    """https://cloud.google.com/secret-manager/docs/reference/rest/v1/AccessSecretVersionResponse"""

    payload: _Payload


async def deployed_secrets(ids: Mapping[str, str], means: Means) -> dict[str, str]:
    """Read secrets' values, by name; `ids` are projects/P/secrets/S. Unreadable secrets are left
    out."""
    if not ids:
        return {}
    try:
        token = await AccessToken().get()
    except NoCredentials:
        return {}
    values = {name: await _value(id, token, means) for name, id in ids.items()}
    return {name: value for name, value in values.items() if value is not None}


async def _value(id: str, token: str, means: Means) -> str | None:
    url = f"{means.peers.secrets}/v1/{id}/versions/latest:access"
    try:
        answer = await get(means, url, headers={"Authorization": f"Bearer {token}"})
        data = msgspec.json.decode(answer.text, type=_Version).payload.data
        return base64.b64decode(data, validate=True).decode()
    except (Unreachable, msgspec.DecodeError, binascii.Error, UnicodeDecodeError):
        return None
