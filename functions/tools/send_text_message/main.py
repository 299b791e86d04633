"""The tool `send_text_message`; the composition root that functions-framework loads."""

import os

from ringdown.settings import SettingsReader
from ringdown.stores import open_store_once
from ringdown.tools.function import tool_function
from ringdown.twilio import read_twilio_account
from text_messages.text_message import TextMessageArgs, TextMessages

_settings = SettingsReader(os.environ)
_store = open_store_once(_settings)
_texts = TextMessages(_store, read_twilio_account(_settings))
send_text_message = tool_function(
    "send_text_message", TextMessageArgs, _texts.send, _settings, answers=_store
)
