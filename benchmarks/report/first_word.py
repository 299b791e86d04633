"""Dial to first word, and what a start may take, as tables. Pure."""

from collections.abc import Callable, Sequence

from benchmarks.report.figures import Spread, spread
from benchmarks.report.tables import Table, shown
from benchmarks.results import FirstWord, Results

_PARTS: tuple[tuple[str, Callable[[FirstWord], float]], ...] = (
    ("the webhook starts", lambda w: w.webhook_up),
    ("it wakes the handler", lambda w: max(w.handler_asked - w.webhook_up, 0.0)),
    ("it answers with TwiML", lambda w: w.answered - max(w.handler_asked, w.webhook_up)),
    ("the handler's start, as far as it goes on", lambda w: max(w.handler_up - w.answered, 0.0)),
    ("Twilio's stream opens", lambda w: w.streaming - max(w.answered, w.handler_up)),
    ("the call is claimed", lambda w: w.admitted - w.streaming),
    ("the model is set up", lambda w: w.model_set_up - w.admitted),
    ("it is asked to greet", lambda w: w.model_asked - w.model_set_up),
    ("its first sound is heard", lambda w: w.heard - w.model_asked),
    ("**dial to first word**", lambda w: w.heard),
    ("start of the stream to first word", lambda w: w.heard - w.streaming),
)


def first_words(words: Sequence[FirstWord]) -> Table:
    """What each part takes, from nothing and warm."""
    rows = [
        (part, *(shown(_of(words, cold=cold, figure=figure), 0) for cold in (True, False)))
        for part, figure in _PARTS
    ]
    return Table("Dial to first word, ms", ("part", "from nothing", "warm"), rows if words else [])


def start_goals(results: Results) -> Table:
    """What the starts, the webhook and the first word may take."""
    cold = {
        name: spread(s.import_to_ready_s * 1_000 for s in results.cold if s.name == name)
        for name in dict.fromkeys(s.name for s in results.cold)
    }
    functions = {n: s for n, s in cold.items() if not n.startswith(("python", "stream_handler"))}
    first = _of(results.first_word, cold=False, figure=lambda w: w.heard - w.streaming)
    goals = (
        ("stream_handler ready", cold.get("stream_handler"), 1_500.0),
        *((f"{name} ready", took, 1_000.0) for name, took in functions.items()),
        ("webhook p50, warm", spread(time.p50_ms for time in results.webhook), 15.0),
        ("start to first word, beyond the model's own time, warm", first, 25.0),
    )
    rows = [
        (what, shown(took, 1), f"{most:.0f}", "yes" if took.median <= most else "NO")
        for what, took, most in goals
        if took is not None
    ]
    return Table("Goals of the starts, ms", ("what", "ms", "at most", "reached"), rows)


def _of(
    words: Sequence[FirstWord], *, cold: bool, figure: Callable[[FirstWord], float]
) -> Spread | None:
    return spread(figure(word) for word in words if word.cold is cold)
