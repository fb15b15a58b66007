"""Where examples come from. `open_source` turns the experiment's `data` into a `Source`."""

from trainables.data.source import Source, open_source

__all__ = ["Source", "open_source"]
