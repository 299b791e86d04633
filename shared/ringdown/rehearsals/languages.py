"""Detects the language that someone speaks from their words."""

import functools

from py3langid.langid import MODEL_FILE, LanguageIdentifier

# fmt: off
TOLD_APART = frozenset({
    "ar", "bn", "cs", "da", "de", "el", "en", "es", "fi", "fr", "hi", "hu", "id", "it", "ja", "ko",
    "mr", "nl", "pl", "pt", "ro", "ru", "sv", "ta", "te", "th", "tr", "uk", "vi", "zh",
})
# fmt: on
"""ISO 639-1 codes. With all of the library's languages, English is easily mistaken for Nigerian
Pidgin."""
_FEWEST_WORDS = 4
_UNLIKELY = 0.01
"""Each of Ringdown's own phrases of this many words scores at least 0.48 for its language."""


def other_language(text: str, expected: str) -> str | None:
    """Return the language of `text` if it certainly isn't `expected`, a language tag.

    None if it may be the expected one, or has too few words to tell.
    """
    language = expected.partition("-")[0]
    if language not in TOLD_APART or len(text.split()) < _FEWEST_WORDS:
        return None
    ranked = _identifier().rank(text)
    likeliest: str = ranked[0][0]
    return likeliest if dict(ranked)[language] < _UNLIKELY else None


@functools.cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(TOLD_APART)
    return identifier
