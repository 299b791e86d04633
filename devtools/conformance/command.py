"""`make conformance`: try the stand-in, and with keys the real peers, and write the page."""

import datetime
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec

from devtools.conformance.behaviours import Behaviour
from devtools.conformance.comparison import compare
from devtools.conformance.gemini import GEMINI
from devtools.conformance.outcomes import NotObserved, Observed, Outcome, in_words
from devtools.conformance.page import verdict_in_words, write_page
from devtools.conformance.recording_run import observe_all, why_out_of_reach
from devtools.conformance.results import PeerResults, Results, read_results, write_results
from devtools.conformance.stand_in import running_stand_in
from devtools.conformance.twilio import TWILIO
from devtools.conformance.twilio_account import API_URL, CredentialsRefused, look_at_account
from devtools.conformance.wire import Endpoint
from devtools.processes import say
from ringdown.errors import ConfigurationError

GEMINI_URL = "https://generativelanguage.googleapis.com"
MODEL = "gemini-3.8-live"
_STAND_IN_SESSIONS = 12
_TWILIO_TIMEOUT_S = 15.0
_NAME_WIDTH = 26


class ConformanceStopped(Exception):
    """A peer or a file keeps us from comparing; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TwilioCredentials:
    account_sid: str
    auth_token: str


@dataclass(frozen=True, slots=True)
class ConformanceSettings:
    """What to try. None for a peer leaves it alone: nothing is sent to it.

    `sessions_at_once` is for the real service; more than one is quicker and less gentle.
    """

    out: Path
    docs: Path
    gemini: Endpoint | None = None
    twilio: TwilioCredentials | None = None
    sessions_at_once: int = 1
    behaviours: Sequence[Behaviour] = GEMINI


def settings_from_environ(environ: Mapping[str, str], out: Path, docs: Path) -> ConformanceSettings:
    """Raises ConfigurationError for half of Twilio's credentials."""
    sid, token = environ.get("TWILIO_ACCOUNT_SID"), environ.get("TWILIO_AUTH_TOKEN")
    if sid and not token:
        raise ConfigurationError(["TWILIO_ACCOUNT_SID is set: set TWILIO_AUTH_TOKEN as well"])
    key = environ.get("GEMINI_API_KEY")
    return ConformanceSettings(
        out=out / "conformance",
        docs=docs,
        gemini=_endpoint(environ, key) if key else None,
        twilio=TwilioCredentials(sid, token) if sid and token else None,
    )


async def check_conformance(settings: ConformanceSettings, today: datetime.date) -> int:
    """Run, print, write the page; 0 unless the stand-in could not be observed.

    Raises ConformanceStopped when a peer refuses the credentials; then nothing is written.
    """
    results = _read(settings.docs / "conformance.json")
    say("The Gemini stand-in:")
    async with running_stand_in(MODEL) as endpoint:
        stand_in = await observe_all(
            settings.behaviours,
            endpoint,
            at_once=_STAND_IN_SESSIONS,
            folder=settings.out / "stand-in",
            tell=_tell_of_stand_in,
        )
    twilio = await _try_twilio(settings.twilio, today) or results.twilio
    gemini = await _try_gemini(settings, stand_in, today) or results.gemini
    _write(settings, stand_in, Results(gemini, twilio))
    missed = [name for name, outcome in stand_in.items() if isinstance(outcome, NotObserved)]
    if missed:
        say(f"The stand-in could not be observed: {', '.join(missed)}. See the lines above.")
    return 1 if missed else 0


def _endpoint(environ: Mapping[str, str], api_key: str) -> Endpoint:
    return Endpoint(
        base_url=environ.get("GEMINI_BASE_URL") or GEMINI_URL,
        api_key=api_key,
        model=MODEL,
        tls=ssl.create_default_context(cafile=environ.get("SSL_CERT_FILE") or None),
    )


def _read(path: Path) -> Results:
    try:
        return read_results(path)
    except msgspec.DecodeError as error:
        raise ConformanceStopped(f"{path}: {error}. Restore it, or delete it.") from error


async def _try_gemini(
    settings: ConformanceSettings, stand_in: Mapping[str, Outcome], today: datetime.date
) -> PeerResults | None:
    endpoint = settings.gemini
    if endpoint is None:
        say("GEMINI_API_KEY is not set: the real service is not tried.")
        return None
    say(f"{endpoint.base_url}, {endpoint.model}:")
    why = await why_out_of_reach(endpoint)
    if why is not None:
        raise ConformanceStopped(
            f"No session with {endpoint.base_url}: {why}. Check GEMINI_API_KEY and the network;"
            " nothing was written."
        )
    say("  some 30 short sessions follow: about four minutes, and about 0.10 US dollars")
    outcomes = await observe_all(
        settings.behaviours,
        endpoint,
        at_once=settings.sessions_at_once,
        folder=settings.out / "gemini",
        tell=_tell_of_real(stand_in),
    )
    return PeerResults(today, endpoint.base_url, outcomes, endpoint.model)


async def _try_twilio(
    credentials: TwilioCredentials | None, today: datetime.date
) -> PeerResults | None:
    if credentials is None:
        say("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are not both set: no account is looked at.")
        return None
    say(f"{API_URL}:")
    auth = (credentials.account_sid, credentials.auth_token)
    yesterday = today - datetime.timedelta(days=1)
    try:
        async with httpx2.AsyncClient(auth=auth, timeout=_TWILIO_TIMEOUT_S) as http:
            outcomes = await look_at_account(http, credentials.account_sid, yesterday)
    except CredentialsRefused:
        raise ConformanceStopped(
            "Twilio refuses the credentials: check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN;"
            " nothing was written."
        ) from None
    for name, outcome in outcomes.items():
        _line(name, _words(outcome))
    return PeerResults(today, API_URL, outcomes)


def _tell_of_stand_in(behaviour: Behaviour, outcome: Outcome) -> None:
    _line(behaviour.id, _words(outcome))


def _tell_of_real(stand_in: Mapping[str, Outcome]) -> Callable[[Behaviour, Outcome], None]:
    def tell(behaviour: Behaviour, outcome: Outcome) -> None:
        _line(behaviour.id, verdict_in_words(compare(stand_in.get(behaviour.id), outcome)))

    return tell


def _write(
    settings: ConformanceSettings, stand_in: Mapping[str, Outcome], results: Results
) -> None:
    settings.docs.mkdir(parents=True, exist_ok=True)
    if settings.gemini or settings.twilio:
        write_results(settings.docs / "conformance.json", results)
    path = settings.docs / "conformance.md"
    path.write_text(write_page(settings.behaviours, TWILIO, stand_in, results), "utf-8")
    say(f"Wrote {path}.")


def _words(outcome: Outcome) -> str:
    match outcome:
        case Observed(facts=facts):
            return in_words(facts)
        case NotObserved(why=why):
            return f"could not be observed: {why}"


def _line(name: str, text: str) -> None:
    say(f"  {name:{_NAME_WIDTH}} {text}")
