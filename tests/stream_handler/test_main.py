import gc
from collections.abc import Iterator

import pytest

from stream_handler.process import spare_the_collector


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_is_loaded_is_left_out_of_collections() -> None:
    spare_the_collector()

    assert gc.get_freeze_count() > 10_000
