"""Where examples come from. `open_source` turns the experiment's `data` into a `Source`."""

from trainables.data.places import DataConfig, open_source
from trainables.data.source import Source, fingerprint, reference_language, references

__all__ = ["DataConfig", "Source", "fingerprint", "open_source", "reference_language", "references"]
