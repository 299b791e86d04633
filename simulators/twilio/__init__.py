"""A stand-in for Twilio: a phone network that places calls to a webhook, and its caller."""

from simulators.yaml_fields import ScenarioError

from .alerts import Alert, AlertCode, AlertLevel
from .call import Call, CallError, CallOver, NoticeTimeout
from .call_flow import DialStatus, EndReason
from .dialled import Answers, CannotBeReached, DialledParty, DoesNotAnswer, IsBusy, Mailbox
from .events import CallEvent, event_record
from .handset import Handset
from .impairments import Impairments
from .microphone import Utterance
from .network import TwilioNetwork
from .recording import Recording
from .rest_api import Text
from .runner import ScriptFailed, ScriptResult, SpokenSentence, run_script
from .script import Script
from .script_file import load_script
from .signatures import SharedKey
from .webhooks import ConnectionSettings

__all__ = [
    "Alert",
    "AlertCode",
    "AlertLevel",
    "Answers",
    "Call",
    "CallError",
    "CallEvent",
    "CallOver",
    "CannotBeReached",
    "ConnectionSettings",
    "DialStatus",
    "DialledParty",
    "DoesNotAnswer",
    "EndReason",
    "Handset",
    "Impairments",
    "IsBusy",
    "Mailbox",
    "NoticeTimeout",
    "Recording",
    "ScenarioError",
    "Script",
    "ScriptFailed",
    "ScriptResult",
    "SharedKey",
    "SpokenSentence",
    "Text",
    "TwilioNetwork",
    "Utterance",
    "event_record",
    "load_script",
    "run_script",
]
