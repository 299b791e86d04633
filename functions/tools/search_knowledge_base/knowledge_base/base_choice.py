"""Chooses the knowledge base: Bedrock's if one is named, else the articles in the folder."""

import functools
from pathlib import Path

from knowledge_base.articles import Articles
from knowledge_base.bedrock import BedrockKnowledgeBase, BedrockSettings
from knowledge_base.google_identity import identity_token
from knowledge_base.passages import KnowledgeBase
from ringdown.settings import SettingsReader

_SEARCH_TYPES = ("HYBRID", "SEMANTIC", "DEFAULT")


def chosen_base(reader: SettingsReader, articles: Path) -> KnowledgeBase:
    """Return the configured base; `reader.finish()` reports what is wrong with its settings."""
    base_id = reader.optional("KNOWLEDGE_BASE_ID")
    if base_id is None:
        return Articles(articles)
    settings = BedrockSettings(
        region=reader.text("AWS_REGION", "the knowledge base's region, such as us-east-1"),
        knowledge_base_id=base_id,
        search_type=_search_type(reader),
        score_floor=_score_floor(reader),
        role_arn=reader.optional("AWS_ROLE_ARN"),
    )
    audience = reader.text(
        "AWS_TOKEN_AUDIENCE", "the audience in the role's trust policy", default="sts.amazonaws.com"
    )
    return BedrockKnowledgeBase(settings, functools.partial(identity_token, audience))


def _search_type(reader: SettingsReader) -> str:
    kind = reader.text("SEARCH_TYPE", "", default="HYBRID")
    if kind not in _SEARCH_TYPES:
        reader.problem(f"SEARCH_TYPE is {kind!r}. Set it to {', '.join(_SEARCH_TYPES)}.")
    return kind


def _score_floor(reader: SettingsReader) -> float:
    text = reader.text("SCORE_FLOOR", "", default="0.4")
    try:
        floor = float(text)
    except ValueError:
        floor = -1.0
    if not 0 <= floor <= 1:
        reader.problem(f"SCORE_FLOOR is {text!r}. Set it to a number from 0 to 1.")
    return floor
