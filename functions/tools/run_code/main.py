"""The tool `run_code`; the composition root that functions-framework loads."""

import os

from code_runs.gemini_code import GeminiCode, RunCodeArgs
from ringdown.gemini.backend import read_developer_api
from ringdown.gemini.models import TEXT_MODELS, Api
from ringdown.settings import SettingsReader
from ringdown.tools.function import tool_function

_settings = SettingsReader(os.environ)
_backend = read_developer_api(_settings)
_model = _settings.text(
    "CODE_MODEL", "a Gemini model that can run code", default=TEXT_MODELS[Api.DEVELOPER]
)
run_code = tool_function("run_code", RunCodeArgs, GeminiCode(_backend, _model).run, _settings)
