"""docs/performance.md: the fixed words around the figures. Pure."""

from collections.abc import Iterable, Iterator

from benchmarks.report.figures import LoadFigures
from benchmarks.report.first_word import first_words, start_goals
from benchmarks.report.goals import verdicts
from benchmarks.report.prose import capacity, disturbed, lists, machine_lines, missed
from benchmarks.report.tables import (
    conversions,
    delays,
    goals,
    markdown,
    starts,
    store_states,
    turns,
    usage,
)
from benchmarks.results import Results

_HEAD = """\
# Performance

*This page is written by `make bench` from what it measured; figures and the sentences around them
change with it.*

## What was measured, and how

Three phone bots are put under the same calls, one after another, in every run: **ringdown**, the
stream handler reached through its real webhook; **relay**, which re-frames bytes between the same
two sockets and does no more (the floor: no SDK, no conversion, no record); and **pipecat**, its own
example of Gemini Live on a Twilio number in an environment of its own
([how it is wired](../benchmarks/pipecat/README.md)).

- What is measured runs on one core, the rig (a Twilio caller and a Gemini Live endpoint, on one
  clock, over TLS) on another. Each point is a fresh process, loaded after one call of warm-up.
- **Delay is told by the audio itself**: bursts of tone, found again to the sample, so that filters,
  hold-back and chunks all count. A burst in a message counts from the message's arrival on, at its
  place in the message, as a telephone plays it. A peer that takes a long message whole has its
  sound up to half a message earlier than these figures say.
- **Barge-in** is from the model's `interrupted` to `clear` at the caller. **First audio** is from
  the stream's `start` to the first sound at the caller, without the model's own time.
- **Core per call** is processor time of the measured process, all its threads, shared among its
  calls. **Memory per call** is resident memory at the end, above that of the process after one
  call.
- Tables show the median of the runs and, in brackets, the least and the most. Ratios and
  differences are taken within a run.
"""

_PIPECAT = """\
## What pipecat's audio waits for

In pipecat-ai 1.14.0, by file and line of the installed package:

- `audio/utils.py:42`, `audio/resamplers/soxr_stream_resampler.py:46`: every conversion is a
  `soxr.ResampleStream` of quality VHQ, which gives nothing for four frames of 20 ms and then 95 ms
  at once (8 → 16 kHz), or 137 ms (24 → 8 kHz). The serializer has one for each direction
  (`serializers/twilio.py:177`, `:180`).
- `transports/base_output.py:148` with `transports/base_transport.py:117`: audio for the caller is
  cut into pieces of 40 ms; what does not fill one waits.
- `transports/websocket/fastapi.py:456` and `:598`: pieces go out one every 40 ms, no faster than
  they are played; Twilio would take them at once.
- `audio/vad/silero.py`: the example runs voice activity detection on the caller's audio beside the
  model's own, a neural network of its own for each call.
- `services/google/gemini_live/llm.py:2246`: everything that the model says is kept until the call
  ends.

In return pipecat's filters cut off more sharply than ours (the table of conversions), and it does
much that Ringdown does not: other services, transports, turn detection, pipelines.
"""

_FIRST_WORD = """\
One call after another, the first with no process running: as on a platform without instances, each
process is started by the first request for it, and the request is held until it listens. Each line
is what that part adds. The model takes no time here, and the notice, which Twilio speaks for about
four seconds before it opens the stream, is left out: behind it, the handler's start is not heard.
What the platform adds (finding a place, fetching the image) is not in it, nor is any network.
"""

_TAIL = """\
## Measure it yourself

    make bench

on Linux with two cores that nobody else uses. `python -m benchmarks --help` lists what can be
chosen; the results stay in `out/bench/results.json`.
"""


def page(results: Results, plots: Iterable[str]) -> str:
    """Markdown; `plots` names the SVG files in `performance/`, without suffix, that there are."""
    load = LoadFigures(results.load)
    parts = [_HEAD, f"**The machine:** {machine_lines(results.machine)} {_amount(results)}"]
    parts.append(disturbed(load))
    if results.load:
        parts += ["## The goals", missed(load), markdown(goals(verdicts(load)))]
    parts.append(lists(results))
    if results.load:
        parts += _load_parts(load, set(plots))
        parts.append(_PIPECAT)
    parts += _other_parts(results)
    parts.append(_TAIL)
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _amount(results: Results) -> str:
    runs = "one run" if results.runs == 1 else f"{results.runs} runs"
    return f"{runs.capitalize()} of {results.seconds:g} s for each point." if results.load else ""


def _load_parts(load: LoadFigures, plots: set[str]) -> Iterator[str]:
    yield "## Under load"
    yield f"{'; '.join(capacity(load))}."
    yield from _plot("uplink", "Delay of the caller's audio to the model", plots)
    yield from _plot("downlink", "Delay of the model's audio to the caller", plots)
    yield markdown(delays(load))
    yield from _plot("barge_in", "From the model's interruption to the clear", plots)
    yield from _plot("first_audio", "From the stream's start to the first sound", plots)
    yield markdown(turns(load))
    yield from _plot("use", "Core and memory per call", plots)
    yield markdown(usage(load))


def _other_parts(results: Results) -> Iterator[str]:
    if results.conversion:
        yield "## Sample rate conversion"
        yield (
            "PCM16 to PCM16 in frames of 20 ms, without µ-law, whose noise (38 dB) would hide the"
            " filters. Signal to noise is the worst of tones from 300 to 3400 Hz; alias and image"
            " the worst of what lands in or beside the band."
        )
        yield markdown(conversions(results.conversion))
    if results.store:
        yield "## Audio while Firestore is slow or gone"
        yield (
            f"{results.store[0].calls} calls, with Firestore's emulator behind a hop that is told"
            " to hold every request up, or to end every connection, once all calls are up."
        )
        yield markdown(store_states(results.store))
    if results.first_word:
        yield "## Dial to first word"
        yield _FIRST_WORD
        yield markdown(first_words(results.first_word))
    if results.cold or results.webhook or results.tools:
        yield "## Starts, the webhook and tool calls"
        yield (
            "From the start of a process to the end of its first answer, with warm caches and the"
            " embedded store; the webhook's first answer is a whole one, signed, with a call"
            " opened. Warm: new calls, 20 a second. Tool calls: from the model's message on our"
            " socket to the request at the function, over TLS and with an ID token, one call."
        )
        yield markdown(starts(results))
        yield markdown(start_goals(results))


def _plot(name: str, says: str, plots: set[str]) -> Iterator[str]:
    if name in plots:
        yield f"![{says}, against the number of calls](performance/{name}.svg)"
