"""Every sentence the webhook has spoken itself, by language."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    language: str
    """Of the sentences, as `<Say>` takes it."""
    connecting_apology: str
    """Before a fallback number is dialled."""
    closing_apology: str
    """When there is no number to dial."""


_ENGLISH = Phrases(
    language="en-US",
    connecting_apology="I am sorry, something went wrong. I will connect you with someone else.",
    closing_apology="I am sorry, something went wrong. Please call again in a few minutes.",
)
_GERMAN = Phrases(
    language="de-DE",
    connecting_apology=(
        "Es tut mir leid, da ist etwas schiefgegangen. Ich verbinde Sie mit jemand anderem."
    ),
    closing_apology=(
        "Es tut mir leid, da ist etwas schiefgegangen. Bitte rufen Sie in einigen Minuten noch"
        " einmal an."
    ),
)
_BY_LANGUAGE = {"en": _ENGLISH, "de": _GERMAN}


def phrases_for(language_tag: str | None) -> Phrases:
    """The phrases in the language of a tag such as `de-AT`; English if there are none."""
    language = (language_tag or "").partition("-")[0]
    return _BY_LANGUAGE.get(language, _ENGLISH)
