"""The sentences that a session has the model say, in the agent's language."""

from ringdown.agents.phrases import has_phrases, phrases_for
from stream_handler.call.limits import Words


def words_for(language: str) -> Words:
    phrases = phrases_for(language)
    return Words(
        idle_nudge=phrases.idle_nudge,
        time_warning=phrases.time_warning,
        farewells=phrases.farewells,
        translate_to=None if has_phrases(language) else language,
    )
