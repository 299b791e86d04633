"""Code that all of Ringdown's deployables share: records, stores, tools, logging, errors."""
