from tests.ringdown.stores.each_store import put, store, store_url

__all__ = ["put", "store", "store_url"]
