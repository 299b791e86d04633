"""Every sentence spoken without the model, by language.

They are in `packaged/phrases.toml`, which also says when each is spoken. It is TOML because the
stream handler, which has no YAML parser, reads it as well.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any

import msgspec

from ringdown.agents import Agent
from ringdown.documents import to_record

_ENGLISH = "en"
_SENTENCE = re.compile(r"[^.!?;]+")
_WORD = re.compile(r"[\w']+")

Sentence = Annotated[str, msgspec.Meta(min_length=1, max_length=199)]
Words = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Phrases(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sentences in one language. `language` is the tag for `<Say>`."""

    language: str
    notice: Sentence
    recorded_notice: Sentence
    connecting_apology: Sentence
    closing_apology: Sentence
    busy: Sentence
    closed: Sentence
    connecting: Sentence
    transfer_offer: Sentence
    transfer_number: Sentence
    transfer_name: Sentence
    transfer_accept: Sentence
    idle_nudge: Sentence
    idle_goodbye: Sentence
    time_warning: Sentence
    time_goodbye: Sentence
    farewells: Words
    recorded: Words
    not_recorded: Words


def phrases_for(language_tag: str | None) -> Phrases:
    """Return the phrases for a tag such as `de-AT`: its own, else its language's, else English."""
    known = packaged_phrases()
    tag = language_tag or _ENGLISH
    return known.get(tag) or known.get(_language(tag)) or known[_ENGLISH]


def notice_words(agent: Agent) -> tuple[str, str]:
    """Return the words spoken before a call's first stream, if any, and their language."""
    if agent.notice is None:
        phrases = phrases_for(agent.language)
        return phrases.notice, phrases.language
    return agent.notice.strip(), agent.language


def notice_says_recorded(agent: Agent) -> bool:
    """Whether callers hear that the call is recorded, as far as we can tell.

    In a language without phrases, we can't check, so we trust what operators wrote.
    """
    words, language = notice_words(agent)
    if not has_phrases(language):
        return bool(words)
    phrases = phrases_for(language)
    return any(_says_recorded(phrases, sentence) for sentence in _SENTENCE.findall(words))


def _says_recorded(phrases: Phrases, sentence: str) -> bool:
    words = set(_WORD.findall(sentence.casefold().replace("’", "'")))
    return not words.isdisjoint(phrases.recorded) and words.isdisjoint(phrases.not_recorded)


def has_phrases(language_tag: str) -> bool:
    """Whether there are sentences in the tag's language. If not, callers hear English ones."""
    return _language(language_tag) in map(_language, packaged_phrases())


def _language(tag: str) -> str:
    return tag.partition("-")[0]


@cache
def packaged_phrases() -> Mapping[str, Phrases]:
    """Return all phrases by language (`de`) or tag (`pt-PT`), read from the file on first use."""
    text = (resources.files("ringdown") / "packaged" / "phrases.toml").read_text("utf-8")
    return read_phrases(tomllib.loads(text))


def read_phrases(sections: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Phrases]:
    """Return the phrases of each section; a regional section inherits from its language's.

    Raises InvalidDocument, naming section and field, for a sentence that is missing, too long or
    unknown.
    """
    return {tag: _read(sections, tag) for tag in sections}


def _read(sections: Mapping[str, Mapping[str, Any]], tag: str) -> Phrases:
    language, _, region = tag.partition("-")
    inherited = {**sections.get(language, {}), "language": tag} if region else {}
    return to_record(Phrases, {**inherited, **sections[tag]}, where=f"phrases in {tag}")
