"""A model that reads and writes text, called over REST so that no SDK has to be loaded.

Gemini's `generateContent` (https://ai.google.dev/api/generate-content), or Vertex AI's.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import httpx2
import msgspec

from ringdown.errors import NoCredentials
from ringdown.gemini.access_token import AccessToken
from ringdown.gemini.backend import (
    DEVELOPER_URL,
    DeveloperApi,
    GeminiBackend,
    VertexAi,
    served_text_model,
)
from ringdown.tools import Json

_LONGEST_REASON = 300


class NoAnswer(Exception):
    """The model gave no answer. The message says why, in the service's words if there are any."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the model wrote, without its thoughts, and the tokens it used."""

    text: str
    tokens_in: int
    tokens_out: int


class TextModel:
    def __init__(
        self, http: httpx2.AsyncClient, backend: GeminiBackend, model: str, *, within_s: float
    ) -> None:
        self._http = http
        self._backend = backend
        self.name = served_text_model(model)
        self._url = _url(backend, self.name)
        self._within_s = within_s
        self._token = AccessToken()

    async def write(self, request: Mapping[str, Json]) -> Written:
        """Send a `generateContent` request; raise NoAnswer after `within_s` at the latest."""
        try:
            async with asyncio.timeout(self._within_s):
                response = await self._http.post(
                    self._url,
                    headers=await self._authorization(),
                    json=request,
                    timeout=self._within_s,
                )
        except NoCredentials as error:
            raise NoAnswer(f"There are no Google credentials: {error}") from None
        except TimeoutError:
            raise NoAnswer(f"Gemini didn't answer within {self._within_s:g} s") from None
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise NoAnswer(f"Gemini couldn't be reached: {reason}") from None
        if not response.is_success:
            raise NoAnswer(f"Gemini refused (HTTP {response.status_code}){_reason(response)}")
        return _written(response.content)

    async def _authorization(self) -> Mapping[str, str]:
        match self._backend:
            case DeveloperApi(api_key=api_key):
                return {"x-goog-api-key": api_key}
            case VertexAi():
                return {"Authorization": f"Bearer {await self._token.get()}"}
            case _:
                assert_never(self._backend)


def _url(backend: GeminiBackend, model: str) -> str:
    match backend:
        case DeveloperApi(base_url=base_url):
            return f"{base_url or DEVELOPER_URL}/v1beta/models/{model}:generateContent"
        case VertexAi(project=project, location=location):
            place = f"projects/{project}/locations/{location}"
            return f"{backend.url}/v1/{place}/publishers/google/models/{model}:generateContent"
        case _:
            assert_never(backend)


class _Part(msgspec.Struct, frozen=True):
    text: str = ""
    thought: bool = False


class _Content(msgspec.Struct, frozen=True):
    parts: tuple[_Part, ...] = ()


class _Candidate(msgspec.Struct, frozen=True, rename="camel"):
    content: _Content = _Content()
    finish_reason: str = ""


class _Feedback(msgspec.Struct, frozen=True, rename="camel"):
    block_reason: str = ""


class _Usage(msgspec.Struct, frozen=True, rename="camel"):
    prompt_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    candidates: tuple[_Candidate, ...] = ()
    prompt_feedback: _Feedback = _Feedback()
    usage_metadata: _Usage = _Usage()


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: _Error = _Error()


def _written(body: bytes) -> Written:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoAnswer(f"Gemini's answer can't be read: {error}") from None
    candidate = answer.candidates[0] if answer.candidates else _Candidate()
    text = "".join(part.text for part in candidate.content.parts if not part.thought).strip()
    if not text:
        reason = answer.prompt_feedback.block_reason or candidate.finish_reason or "no reason given"
        raise NoAnswer(f"Gemini gave no answer: {reason}")
    usage = answer.usage_metadata
    return Written(
        text, usage.prompt_token_count, usage.candidates_token_count + usage.thoughts_token_count
    )


def _reason(response: httpx2.Response) -> str:
    try:
        message = msgspec.json.decode(response.content, type=_Refusal).error.message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return f": {message[:_LONGEST_REASON]}" if message else ""
