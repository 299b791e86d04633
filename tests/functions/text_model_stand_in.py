"""A Gemini that answers `generateContent`: correctly, or as rudely as a test wants."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ringdown.tools import Json
from tests.http_server import Requests, serving

Answer = tuple[int, bytes]


def answers(form: Json, *, tokens: tuple[int, int] = (1_000, 200)) -> Answer:
    """The response of a model that fills in the form like this."""
    text = form if isinstance(form, str) else json.dumps(form)
    parts = [{"text": "Let me see.", "thought": True}, {"text": text}]
    content = {"role": "model", "parts": parts}
    usage = {"promptTokenCount": tokens[0], "candidatesTokenCount": tokens[1]}
    said = {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage}
    return 200, json.dumps(said).encode()


def refuses(status: int = 400, message: str = "API key not valid.") -> Answer:
    return status, json.dumps({"error": {"code": status, "message": message}}).encode()


BLOCKS: Answer = (200, b'{"promptFeedback": {"blockReason": "SAFETY"}}')


@dataclass(slots=True)
class TextModelStandIn:
    """`answer` receives the record that was sent, and returns the response."""

    answer: Callable[[dict[str, Json]], Answer]
    url: str = ""
    asked: list[dict[str, Json]] = field(default_factory=list)
    """The bodies of all requests."""
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def respond(self, body: bytes) -> Answer:
        question = json.loads(body)
        with self._one_at_a_time:
            self.asked.append(question)
            return self.answer(json.loads(question["contents"][0]["parts"][0]["text"]))


@contextmanager
def text_model(answer: Callable[[dict[str, Json]], Answer]) -> Iterator[TextModelStandIn]:
    stand_in = TextModelStandIn(answer)

    class Asked(Requests):
        def do_POST(self) -> None:
            status, body = stand_in.respond(self.body())
            self.reply(status, body)

    with serving(Asked) as stand_in.url:
        yield stand_in
