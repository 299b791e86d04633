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
    """What stays the same for all calls of a network.

    after_drop                "continue" with the document after a WebSocket broke off, or "end"
                              the call: Twilio documents neither
    after_unplayable          what follows a `<Play>` whose sound can't be had: the "fallback", as
                              for any other error while TwiML runs, or the "next" verb: Twilio
                              documents neither; people have met its application error
    fetches_sounds            whether `<Play>` reaches anybody
    tls                       which authorities https and wss trust
    stream_connect_timeout_s  from opening the socket to the 101 response
    dialled                   who answers `<Dial>`, by number; other numbers aren't answered
    verified_caller_ids       allowed as callerId in addition to the call's two numbers
    background                what is on the line apart from the caller's words
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
