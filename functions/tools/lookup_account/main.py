"""The tool `lookup_account`; the composition root that functions-framework loads."""

import os

from account_lookup.lookup import AccountLookup, LookupArgs
from ringdown.settings import SettingsReader
from ringdown.stores import open_store_once
from ringdown.tools.function import tool_function

_settings = SettingsReader(os.environ)
_lookup = AccountLookup(
    open_store_once(_settings),
    verified_number_is_proof=_settings.flag("VERIFIED_NUMBER_IS_PROOF"),
)
lookup_account = tool_function("lookup_account", LookupArgs, _lookup.look_up, _settings)
