from tests.ringdown.stores.each_store import other_store, put, store, store_url

__all__ = ["other_store", "put", "store", "store_url"]
