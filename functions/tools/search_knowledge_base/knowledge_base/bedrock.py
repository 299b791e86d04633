"""An AWS Bedrock Knowledge Base, searched with boto3's `retrieve`.

AWS needs no key: the function exchanges its own Google identity token for credentials that last an
hour (AssumeRoleWithWebIdentity) and are renewed before they expire. If no role is set, boto3 finds
credentials by itself, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""

import asyncio
import datetime
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from knowledge_base.passages import Passage, SearchFailed
from ringdown import clock
from ringdown.log import Log
from ringdown.tools import Json

_CONNECT_S, _READ_S = 2.0, 4.0
_RENEW_BEFORE = datetime.timedelta(minutes=5)
_SESSION_S = 3_600
_SESSION_NAME = "ringdown-search-knowledge-base"
_NOT_NOW = "The articles cannot be searched at the moment. Tell the caller, and offer to call back."
_BUSY = "The articles could not be searched just now. Try once more."

_log = Log("search_knowledge_base.bedrock")

# boto3 creates its clients at run time; they have no types.
_Client = Any


@dataclass(frozen=True, slots=True)
class BedrockSettings:
    region: str
    knowledge_base_id: str
    search_type: str
    """HYBRID, SEMANTIC, or DEFAULT, which lets Bedrock choose."""
    score_floor: float
    """Passages with a lower score are ignored. Scores are from 0 to 1."""
    role_arn: str | None
    """If None, boto3 finds credentials."""


class BedrockKnowledgeBase:
    """`identity_token` returns a Google ID token for AWS; it runs in a thread, and may block."""

    def __init__(self, settings: BedrockSettings, identity_token: Callable[[], str]) -> None:
        self._settings = settings
        self._identity_token = identity_token
        self._client: _Client | None = None
        self._renew_at: datetime.datetime | None = None
        self._one_at_a_time = threading.Lock()

    async def search(self, query: str, most: int) -> list[Passage]:
        return await asyncio.to_thread(self._search, query, most)

    def _search(self, query: str, most: int) -> list[Passage]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._current_client().retrieve(
                knowledgeBaseId=self._settings.knowledge_base_id,
                retrievalQuery={"text": query},
                retrievalConfiguration={"vectorSearchConfiguration": self._configuration(most)},
            )
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _EXPIRED:
                self._client = None  # the next search signs in again
            raise _refused(error.operation_name, code) from error
        except BotoCoreError as error:
            _log.error("Bedrock request failed", error=type(error).__name__)
            raise SearchFailed(_NOT_NOW, retryable=True) from error
        floor = self._settings.score_floor
        found = [result for result in answer["retrievalResults"] if result.get("score", 1) >= floor]
        return [Passage(result["content"].get("text", ""), _source(result)) for result in found]

    def _configuration(self, most: int) -> dict[str, Json]:
        if self._settings.search_type == "DEFAULT":
            return {"numberOfResults": most}
        return {"numberOfResults": most, "overrideSearchType": self._settings.search_type}

    def _current_client(self) -> _Client:
        with self._one_at_a_time:
            now = clock.now()
            if self._client is None or (self._renew_at is not None and now >= self._renew_at):
                self._client = self._new_client()
            return self._client

    def _new_client(self) -> _Client:
        import boto3  # takes a third of a second, with its model of the service

        role_arn = self._settings.role_arn
        credentials = {} if role_arn is None else self._assumed(role_arn)
        session = boto3.Session(region_name=self._settings.region, **credentials)
        return session.client("bedrock-agent-runtime", config=_config())

    def _assumed(self, role_arn: str) -> dict[str, str]:
        import boto3
        from botocore import UNSIGNED

        sts = boto3.Session(region_name=self._settings.region).client(
            "sts", config=_config(signature_version=UNSIGNED)
        )
        answer = sts.assume_role_with_web_identity(
            RoleArn=role_arn,
            RoleSessionName=_SESSION_NAME,
            WebIdentityToken=self._identity_token(),
            DurationSeconds=_SESSION_S,
        )
        credentials = answer["Credentials"]
        self._renew_at = credentials["Expiration"] - _RENEW_BEFORE
        return {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }


def _config(**more: object) -> _Client:
    from botocore.config import Config

    return Config(
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        retries={"mode": "standard", "total_max_attempts": 2},
        **more,
    )


_THROTTLED = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_ADVICE = {
    "AccessDeniedException": "allow bedrock:Retrieve on the knowledge base in the role's policy",
    "AccessDenied": "the role's trust policy refuses this function's Google identity",
    "IDPRejectedClaim": "AWS doesn't accept the Google identity token: check its audience",
    "InvalidIdentityToken": "AWS doesn't accept the Google identity token: check its audience",
    "InvalidSignatureException": "the AWS secret key is wrong",
    "ResourceNotFoundException": "this knowledge base doesn't exist in AWS_REGION",
    "UnrecognizedClientException": "AWS doesn't know the access key",
    "ValidationException": "KNOWLEDGE_BASE_ID or SEARCH_TYPE doesn't match the knowledge base",
}


def _refused(operation: str, code: str) -> SearchFailed:
    if code in _THROTTLED:
        _log.warning("throttled by AWS", operation=operation, advice="ask AWS for a higher quota")
        return SearchFailed(_BUSY, retryable=True)
    if code in _EXPIRED:
        _log.warning("AWS credentials expired early", operation=operation)
        return SearchFailed(_BUSY, retryable=True)
    advice = _ADVICE.get(code, "see the AWS documentation for this code")
    _log.error("AWS refused the request", operation=operation, code=code, advice=advice)
    return SearchFailed(_NOT_NOW)


def _source(result: Mapping[str, Json]) -> str:
    """Return the last part of the document's URL."""
    location = result.get("location", {})
    places = (place for place in location.values() if isinstance(place, dict))
    address = next((str(value) for place in places for value in place.values()), "")
    return address.rstrip("/").rpartition("/")[2] or "knowledge base"
