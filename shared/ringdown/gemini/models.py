"""Models and voices that an agent may have, where each model is, and which settings go with it.

Sources: Google's Live API references, its page for each model, and its list of prebuilt voices.
That Vertex AI takes Google Search only without functions is reported, not documented.
"""

from dataclasses import dataclass
from enum import Enum

from ringdown.tools import Behavior

DEFAULT_MODEL = "gemini-3.8-live"
DEFAULT_VOICE = "Kore"
_VERTEX_MODEL = "gemini-live-2.5-flash-native-audio"


class Api(Enum):
    """Google offers Gemini Live twice, with models of their own. The value is its name."""

    DEVELOPER = "the Gemini Developer API"
    VERTEX = "Vertex AI"


@dataclass(frozen=True, slots=True)
class Model:
    """What a session with this model may or must be told."""

    api: Api = Api.DEVELOPER
    thinks: bool = False
    """It needs a thinking level; a model that does not think refuses one."""
    behaviors: tuple[Behavior, ...] = ("blocking", "non_blocking")
    """What a tool may be to it. A model that knows one of them only is not told which."""
    searches: bool = True
    """It takes Google Search beside functions, which every session of ours has."""

    def behavior(self, wish: Behavior) -> Behavior:
        """What a tool is to this model that is to be `wish`."""
        return wish if wish in self.behaviors else self.behaviors[0]


MODELS = {
    DEFAULT_MODEL: Model(),
    "gemini-3.8-live-extended-thinking": Model(thinks=True, behaviors=("non_blocking",)),
    "gemini-3.1-flash-live-preview": Model(behaviors=("blocking",)),
    _VERTEX_MODEL: Model(api=Api.VERTEX, behaviors=("blocking",), searches=False),
}
_USUAL = {Api.DEVELOPER: DEFAULT_MODEL, Api.VERTEX: _VERTEX_MODEL}


def model_on(api: Api, name: str) -> str:
    """The model that speaks for an agent that names `name`: that one if `api` has it, else the
    usual one there, so that the same agent answers wherever it is deployed.

    A model that is not in the table is left to the service, which may know it.
    """
    model = MODELS.get(name)
    return name if model is None or model.api is api else _USUAL[api]


VOICES = (
    "Achernar",
    "Achird",
    "Algenib",
    "Algieba",
    "Alnilam",
    "Aoede",
    "Autonoe",
    "Callirrhoe",
    "Charon",
    "Despina",
    "Enceladus",
    "Erinome",
    "Fenrir",
    "Gacrux",
    "Iapetus",
    "Kore",
    "Laomedeia",
    "Leda",
    "Orus",
    "Puck",
    "Pulcherrima",
    "Rasalgethi",
    "Sadachbia",
    "Sadaltager",
    "Schedar",
    "Sulafat",
    "Umbriel",
    "Vindemiatrix",
    "Zephyr",
    "Zubenelgenubi",
)
