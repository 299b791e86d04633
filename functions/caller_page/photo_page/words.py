"""The page's sentences, by language."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from msgspec.structs import replace

from photo_page.refusals import Refusal
from ringdown.agents.phrases import has_phrases, phrases_for
from ringdown.documents import to_record

FILES = resources.files("photo_page") / "files"


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    language: str = ""
    """The language tag, with the region of the agent's phrases."""
    title: str
    assistant: str
    for_this_call: str
    kept: str
    photo: str
    take: str
    choose: str
    send_photo: str
    text: str
    write: str
    send_text: str
    sending: str
    photo_arrived: str
    text_arrived: str
    left: str
    over_title: str
    over: str
    nothing: str
    wrong_kind: str
    too_big: str
    unreadable: str
    text_too_long: str
    enough: str
    interrupted: str
    try_again: str

    def of(self, refusal: Refusal) -> str:
        sentence: str = getattr(self, refusal)
        return sentence


def words_for(language_tag: str) -> Words:
    """Return the words in the language of the agent's phrases."""
    tag = phrases_for(language_tag).language
    return replace(_words()[tag.partition("-")[0]], language=tag)


def accepted_language(header: str | None) -> str:
    """Return the first supported language in an Accept-Language header, or else English."""
    tags = (part.partition(";")[0].strip() for part in (header or "").split(","))
    return next(filter(has_phrases, tags), "en")


@cache
def _words() -> Mapping[str, Words]:
    sections: dict[str, dict[str, Any]] = tomllib.loads((FILES / "words.toml").read_text("utf-8"))
    return {
        language: to_record(Words, section, where=f"words in {language}")
        for language, section in sections.items()
    }
