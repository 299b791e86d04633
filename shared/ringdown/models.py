"""Models and voices that an agent may have, and which settings go with which model.

Sources: Google's Live API reference for the models, and its list of prebuilt voices. Models that
only Vertex AI serves are left out: sessions are opened with an API key.
"""

from dataclasses import dataclass

DEFAULT_MODEL = "gemini-3.8-live"
DEFAULT_VOICE = "Kore"


@dataclass(frozen=True, slots=True)
class Model:
    """What a session with this model may or must be told."""

    thinks: bool = False
    """It needs a thinking level; a model that does not think refuses one."""


MODELS = {
    DEFAULT_MODEL: Model(),
    "gemini-3.8-live-extended-thinking": Model(thinks=True),
    "gemini-3.1-flash-live-preview": Model(),
}

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
