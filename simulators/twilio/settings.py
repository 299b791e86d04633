"""How the simulated network behaves."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from .clock import system_date
from .dialled import DialledParty
from .impairments import Impairments
from .noises import Background
from .signatures import Signer
from .webhooks import ConnectionSettings

AfterDrop = Literal["continue", "end"]
AfterUnplayable = Literal["fallback", "next"]


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The settings that all calls of a network share.

    after_drop                "continue" with the document after a WebSocket breaks, or "end" the
                              call: Twilio documents neither
    after_unplayable          what follows a `<Play>` whose sound can't be fetched: the "fallback",
                              as for any other error while TwiML runs, or the "next" verb: Twilio
                              documents neither; people have reported its application error
    fetches_sounds            whether `<Play>` can reach any server
    tls                       authorities to trust for https and wss
    stream_connect_timeout_s  limit from opening the socket to the 101 response
    dialled                   who answers `<Dial>`, by number; other numbers aren't answered
    verified_caller_ids       allowed as callerId in addition to the call's two numbers
    background                what the line carries besides the caller's words
    impairments               what the line does to the caller's voice
    date                      the date and time that status callbacks report
    """

    signer: Signer
    account_sid: str
    connection: ConnectionSettings
    tls: ssl.SSLContext
    after_drop: AfterDrop = "continue"
    after_unplayable: AfterUnplayable = "fallback"
    fetches_sounds: bool = True
    stream_connect_timeout_s: float = 5.0
    dialled: Mapping[str, DialledParty] = field(default_factory=dict)
    verified_caller_ids: frozenset[str] = frozenset()
    background: Background = "silence"
    impairments: Impairments = field(default_factory=Impairments)
    date: Callable[[], datetime] = system_date
