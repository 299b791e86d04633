import msgspec

from callback_scheduling.callbacks import Callback
from ringdown.stores import Store


async def kept_callbacks(store: Store) -> tuple[Callback, ...]:
    """All callbacks in the store, soonest first."""
    found = await store.documents.list("callbacks")
    callbacks = [msgspec.convert(fields, Callback) for fields in found.values()]
    return tuple(sorted(callbacks, key=lambda callback: callback.at))
