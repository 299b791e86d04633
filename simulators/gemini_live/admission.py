"""Checks who may connect, by the paths, keys and tokens of both APIs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qs

from simulators.gemini_live.refusals import known_refusal

# A second slash at the start is accepted, too: the SDKs for JavaScript and Firebase send one to the
# service (googleapis/js-genai issue 691).
_DEVELOPER_PATH = re.compile(
    r"//?ws/google\.ai\.generativelanguage\.(v1|v1beta|v1alpha)\.GenerativeService"
    r"\.BidiGenerateContent"
)
_VERTEX_PATH = re.compile(
    r"//?ws/google\.cloud\.aiplatform\.(v1|v1beta1)\.LlmBidiService/BidiGenerateContent"
)


class Api(Enum):
    DEVELOPER = "Gemini Developer API"
    VERTEX = "Vertex AI"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What clients must present. `token` is the bearer token for Vertex AI."""

    api_key: str
    token: str


class NotFound(Exception):
    """This path has no service: HTTP 404."""


class Unauthenticated(Exception):
    """Vertex AI rejects the handshake: HTTP 401."""


def admit(target: str, headers: Mapping[str, str], credentials: Credentials) -> Api:
    """Return the API that a handshake requests.

    Raises NotFound or Unauthenticated if the response is an HTTP error, and Refused if the
    Developer API refuses only after the handshake.
    """
    path, _, query = target.partition("?")
    if _VERTEX_PATH.fullmatch(path):
        if headers.get("Authorization") != f"Bearer {credentials.token}":
            raise Unauthenticated
        return Api.VERTEX
    if not _DEVELOPER_PATH.fullmatch(path):
        raise NotFound
    key = headers.get("x-goog-api-key") or next(iter(parse_qs(query).get("key", [])), None)
    if not key:
        raise known_refusal("no_key")
    if key != credentials.api_key:
        # An invalid key counts as an invalid argument, as it does in the REST API.
        raise known_refusal("wrong_key")
    return Api.DEVELOPER
