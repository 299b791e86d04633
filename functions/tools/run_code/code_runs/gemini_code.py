"""Gemini's code execution through google-genai: the model writes Python, and Google runs it."""

import asyncio
import datetime
from typing import TYPE_CHECKING, Annotated

import httpx2
import msgspec

from ringdown import clock
from ringdown.gemini.backend import DeveloperApi, served_text_model
from ringdown.log import Log
from ringdown.tools import Json, ToolAnswer, ToolRequest

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentResponse

_WITHIN_S = 18.0
_MOST_TOKENS = 4_096
_LONGEST_RESULT = 1_000
_ASKED = (
    "Work the task out by running Python code; never in your head. Then give the result in one"
    " short sentence that can be spoken on the phone, without markup. Today is {today}. If the task"
    " is no matter of arithmetic or dates, say only: That is nothing I can work out."
)
_NOT_NOW = "This cannot be worked out at the moment. Tell the caller."
_NO_RESULT = ToolAnswer.failed("No result came out. Put the task in other words and try once more.")

_log = Log("run_code.gemini_code")


class RunCodeArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    task: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class GeminiCode:
    """Runs code with `model`. The first task loads the SDK, which takes a second."""

    def __init__(self, backend: DeveloperApi, model: str) -> None:
        self._backend = backend
        self._model = model
        self._client: Client | None = None

    async def run(self, args: RunCodeArgs, _request: ToolRequest) -> dict[str, Json] | ToolAnswer:
        """Return the result in a sentence, or an error that tells the model how to continue."""
        from google.genai import errors

        try:
            async with asyncio.timeout(_WITHIN_S):
                response = await self._ask(args.task, clock.now().date())
        except TimeoutError:
            _log.warning("Gemini did not answer in time", model=self._model)
            return ToolAnswer.failed(_NOT_NOW, retryable=True)
        except errors.APIError as error:
            return self._refused(error.code, str(error.status))
        except (httpx2.HTTPError, ValueError) as error:
            _log.error("Gemini request failed", error=type(error).__name__)
            return ToolAnswer.failed(_NOT_NOW, retryable=True)
        return _result(response)

    async def _ask(self, task: str, today: datetime.date) -> "GenerateContentResponse":
        from google.genai import types

        if self._client is None:
            self._client = await asyncio.to_thread(_client, self._backend)
        return await self._client.aio.models.generate_content(
            model=served_text_model(self._model),
            contents=task,
            config=types.GenerateContentConfig(
                system_instruction=_ASKED.format(today=f"{today:%A, %Y-%m-%d}"),
                tools=[types.Tool(code_execution=types.ToolCodeExecution())],
                max_output_tokens=_MOST_TOKENS,
            ),
        )

    def _refused(self, code: int, status: str) -> ToolAnswer:
        if code == 429 or code >= 500:
            _log.warning("Gemini is unavailable or over quota", code=code, status=status)
            return ToolAnswer.failed(_NOT_NOW, retryable=True)
        advice = "check GEMINI_API_KEY and CODE_MODEL"
        _log.error("Gemini refused the request", code=code, status=status, advice=advice)
        return ToolAnswer.failed(_NOT_NOW)


def _client(backend: DeveloperApi) -> "Client":
    from google.genai import Client
    from google.genai.types import HttpOptions

    options = HttpOptions(
        api_version="v1beta",  # the version with code execution
        base_url=backend.base_url,
        timeout=int(_WITHIN_S * 1_000),
        # Without this, the SDK uses aiohttp if that happens to be installed.
        httpx_async_client=httpx2.AsyncClient(timeout=_WITHIN_S, trust_env=False),
    )
    return Client(api_key=backend.api_key, vertexai=False, http_options=options)


def _result(response: "GenerateContentResponse") -> dict[str, Json] | ToolAnswer:
    """Return the sentence, but only if code was run: a model's mental arithmetic is a guess."""
    candidates = response.candidates or []
    content = candidates[0].content if candidates else None
    parts = (content.parts if content is not None else None) or []
    outcomes = [p.code_execution_result.outcome for p in parts if p.code_execution_result]
    said = " ".join(p.text.strip() for p in parts if p.text and not p.thought).strip()
    if not said or not outcomes or outcomes[-1] != "OUTCOME_OK":
        _log.warning("no result", runs=len(outcomes))
        return _NO_RESULT
    return {"result": said[-_LONGEST_RESULT:]}
