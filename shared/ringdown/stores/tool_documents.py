"""What both stores decide alike about the records of tools."""

from collections.abc import Iterable

import msgspec

from ringdown.callbacks import Callback
from ringdown.stores.storable import Document


def readable_callbacks(found: Iterable[Document]) -> tuple[Callback, ...]:
    """The next one first."""
    callbacks = []
    for fields in found:
        try:
            callbacks.append(msgspec.convert(fields, Callback))
        except msgspec.ValidationError:
            continue
    return tuple(sorted(callbacks, key=lambda callback: callback.at))
