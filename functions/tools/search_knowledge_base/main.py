"""The tool `search_knowledge_base`; the composition root that functions-framework loads."""

import os
from pathlib import Path

from knowledge_base.base_choice import chosen_base
from knowledge_base.search import Search, SearchArgs
from ringdown.settings import SettingsReader
from ringdown.tools.function import tool_function

_settings = SettingsReader(os.environ)
_base = chosen_base(_settings, Path(__file__).with_name("articles"))
_search = Search(_base, _settings.integer("MOST_RESULTS", default=3, minimum=1, maximum=10))
search_knowledge_base = tool_function(
    "search_knowledge_base", SearchArgs, _search.search, _settings
)
