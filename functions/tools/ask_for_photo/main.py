"""The tool `ask_for_photo`; the composition root that functions-framework loads.

Agents with `photos: true` get it automatically, so don't list it in an agent's `tools`.
"""

import os

from photo_links.photo_link import AskForPhotoArgs, PhotoLinks, read_link_settings
from ringdown.settings import SettingsReader
from ringdown.stores import open_store_once
from ringdown.tools.function import tool_function
from ringdown.twilio import read_twilio_account

_settings = SettingsReader(os.environ)
_store = open_store_once(_settings)
_links = PhotoLinks(_store, read_twilio_account(_settings), read_link_settings(_settings))
ask_for_photo = tool_function(
    "ask_for_photo", AskForPhotoArgs, _links.send, _settings, answers=_store
)
