"""What a session of the model is told that has not heard all of the call."""

from collections.abc import Sequence

import msgspec

from ringdown.calls import Speaker, ToolCall
from stream_handler.call.turns import Said

_RESULT_CHARS = 2_000  # oversized answers of tools have ended sessions
_LAST_WORDS = 30

ANSWER_PROMPT = (
    "The connection was gone for a moment. The caller still waits for your answer: give it now."
)
SPEAK_PROMPT = (
    "You are silent, and the caller waits. Answer what they said last, or go on. If you did not "
    "understand them, ask them to say it again."
)


def background(turns: Sequence[Said], results: Sequence[ToolCall]) -> str:
    """What is added to the instructions of a session that is opened in the middle of a call.

    To the instructions, because they are neither lost nor answered, as history in messages may be.
    """
    said: list[tuple[float, str]] = [
        (turn.start_ms, f"{_WHO[turn.speaker]}: {turn.text}") for turn in turns
    ]
    done: list[tuple[float, str]] = [(call.start_ms, f"({_result(call)})") for call in results]
    if not said and not done:
        return ""
    lines = [line for _, line in sorted(said + done, key=lambda entry: entry[0])]
    return "\n\nYou are in the middle of this call. Until now:\n" + "\n".join(lines)


def results_prompt(results: Sequence[ToolCall]) -> str:
    """Answers to calls that the session does not know, as it never made them."""
    return "\n".join(
        [*(f"{_result(call)}." for call in results), "Go on with this: tell the caller."]
    )


def go_on_prompt(last_words: str) -> str:
    """After a reply that was cut off: its audio may end before its text does."""
    heard = " ".join(last_words.split()[-_LAST_WORDS:])
    if not heard:
        return SPEAK_PROMPT
    return (
        f'You were cut off while you spoke. Your last words were: "{heard}". Begin again with the '
        "sentence that was cut off, and go on from there. Do not mention that you were cut off."
    )


def _result(call: ToolCall) -> str:
    """No more than the model was told at the time, or would have been."""
    said = {"error": call.error} if call.error is not None else call.output
    args, answer = (msgspec.json.encode(value).decode() for value in (call.args, said))
    return f"You called {call.name} with {args}, which answered {answer[:_RESULT_CHARS]}"


_WHO = {Speaker.CALLER: "Caller", Speaker.AGENT: "You"}
