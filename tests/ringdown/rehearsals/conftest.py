from tests.ringdown.stores.each_store import store, store_url

__all__ = ["store", "store_url"]
