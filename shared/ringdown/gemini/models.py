"""Gemini's models: which exist and where, what each can do, and which were retired.

Sources, read on 2026-11-29 unless a date is given:

- Google's shutdown dates: https://ai.google.dev/gemini-api/docs/deprecations
- Google's shutdown dates for Vertex AI:
  https://docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versioning
- gemini-3.8-live on Vertex AI (now "Gemini Enterprise Agent Platform"):
  https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/guides/gemini-3-8-live
- Google's Live API references, and its list of prebuilt voices

Reported, not documented: which two previews were retired on 2026-11-17; that gemini-2.5 on Vertex
AI accepts Google Search only without functions, and doesn't give ids to its calls; that 3.8 does
give them there. We assume that 3.8 accepts search and functions together there, as elsewhere.
"""

from dataclasses import dataclass
from enum import Enum

from ringdown.tools import Behavior

DEFAULT_MODEL = "gemini-3.8-live"
DEFAULT_VOICE = "Kore"


class Api(Enum):
    """The two APIs that offer Gemini, each with its own models. The value is the API's name."""

    DEVELOPER = "the Gemini Developer API"
    VERTEX = "Vertex AI"


@dataclass(frozen=True, slots=True)
class Model:
    """A Live model: which APIs have it, and what its sessions accept or require."""

    apis: tuple[Api, ...] = (Api.DEVELOPER, Api.VERTEX)
    thinks: bool = False
    """Whether it needs a thinking level; other models refuse one."""
    behaviors: tuple[Behavior, ...] = ("blocking", "non_blocking")
    """Supported tool behaviors. With only one, the field is omitted from the setup."""
    searches: bool = True
    """Whether it accepts Google Search together with functions, which every session declares."""
    samples: bool = False
    """Whether it honours `temperature`, which Google deprecated with Gemini 3.6."""
    takes_hints: bool = True
    """Whether its transcription accepts the languages that callers may speak, and a vocabulary."""
    retires: str | None = None
    """The day on which Google shuts it down, if announced."""

    def behavior(self, wish: Behavior) -> Behavior:
        """Return the behavior that this model uses when `wish` is requested."""
        return wish if wish in self.behaviors else self.behaviors[0]


MODELS = {
    DEFAULT_MODEL: Model(),
    "gemini-3.8-live-extended-thinking": Model(
        apis=(Api.DEVELOPER,), thinks=True, behaviors=("non_blocking",)
    ),
    "gemini-live-2.5-flash-native-audio": Model(
        apis=(Api.VERTEX,),
        behaviors=("blocking",),
        searches=False,
        samples=True,
        takes_hints=False,
        retires="2026-12-13",
    ),
}
_UNKNOWN = Model(behaviors=("blocking",), takes_hints=False)


TEXT_MODELS = {Api.DEVELOPER: "gemini-flash-latest", Api.VERTEX: "gemini-3.5-flash"}
"""The models that read and write text for us. The first is Google's name for its newest Flash
model, which Vertex AI doesn't have; the second is available until at least 2027-05-19."""


@dataclass(frozen=True, slots=True)
class Retired:
    since: str
    replacement: str


RETIRED = {
    "gemini-3.1-flash-live-preview": Retired("2026-11-17", DEFAULT_MODEL),
    "gemini-2.5-flash-native-audio-preview-12-2025": Retired("2026-11-17", DEFAULT_MODEL),
    "gemini-live-2.5-flash-preview": Retired("2025-12-09", DEFAULT_MODEL),
    "gemini-2.0-flash-live-001": Retired("2025-12-09", DEFAULT_MODEL),
    # Sources differ about the day: from 2026-10-16 (Vertex AI's page) to 2026-12-01.
    "gemini-2.5-flash": Retired("2026-10-16", TEXT_MODELS[Api.VERTEX]),
    "gemini-2.0-flash": Retired("2026-06-01", TEXT_MODELS[Api.VERTEX]),
}
"""Retired Live and text models. Instead of refusing such a name, Google sometimes routes it to a
successor, which then runs with the old model's settings; so we never send one."""


def current(name: str) -> str:
    """Return the model to use for `name`: the same one, unless it is retired."""
    retired = RETIRED.get(name)
    return name if retired is None else retired.replacement


def live_model(name: str) -> Model:
    """Return what is known about the Live model to use for `name`."""
    return MODELS.get(current(name), _UNKNOWN)


def model_on(api: Api, name: str) -> str:
    """Return the model for an agent that names `name`: that one if `api` has it, else the default,
    so that the same agent works wherever it is deployed.

    A model that isn't in the table is passed on to the service, which may know it.
    """
    name = current(name)
    return name if name not in MODELS or api in MODELS[name].apis else DEFAULT_MODEL


VOICES = {
    "Achernar": "soft",
    "Achird": "friendly",
    "Algenib": "gravelly",
    "Algieba": "smooth",
    "Alnilam": "firm",
    "Aoede": "breezy",
    "Autonoe": "bright",
    "Callirrhoe": "easy-going",
    "Charon": "informative",
    "Despina": "smooth",
    "Enceladus": "breathy",
    "Erinome": "clear",
    "Fenrir": "excitable",
    "Gacrux": "mature",
    "Iapetus": "clear",
    "Kore": "firm",
    "Laomedeia": "upbeat",
    "Leda": "youthful",
    "Orus": "firm",
    "Puck": "upbeat",
    "Pulcherrima": "forward",
    "Rasalgethi": "informative",
    "Sadachbia": "lively",
    "Sadaltager": "knowledgeable",
    "Schedar": "even",
    "Sulafat": "warm",
    "Umbriel": "easy-going",
    "Vindemiatrix": "gentle",
    "Zephyr": "bright",
    "Zubenelgenubi": "casual",
}
"""The prebuilt voices and Google's description of each
(https://ai.google.dev/gemini-api/docs/speech-generation#voices)."""
