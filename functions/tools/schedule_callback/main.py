"""The tool `schedule_callback`; the composition root that functions-framework loads."""

import os

from callback_scheduling.scheduling import CallbackArgs, CallbackScheduling
from callback_scheduling.telling_staff import ways_to_tell
from ringdown.settings import SettingsReader
from ringdown.stores import open_store_once
from ringdown.tools.function import tool_function

_settings = SettingsReader(os.environ)
_store = open_store_once(_settings)
_scheduling = CallbackScheduling(_store, ways_to_tell(_settings))
schedule_callback = tool_function(
    "schedule_callback", CallbackArgs, _scheduling.schedule, _settings, answers=_store
)
