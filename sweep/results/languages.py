"""Languages: family, script, how much text of them encoders have seen. languages.yaml has the numbers and sources."""

from __future__ import annotations

import functools
from pathlib import Path

import pyarrow as pa

from trainables.yaml_file import read_yaml

FILE = Path(__file__).with_suffix(".yaml")

LANGUAGES = pa.schema(
    [
        ("language", pa.string()),  # its code, as in scores
        ("name", pa.string()),
        ("family", pa.string()),
        ("script", pa.string()),
        ("xlmr_gib", pa.float64()),  # text that XLM-R was pre-trained on; 0: none
        ("xlmr_share", pa.float64()),  # that in percent of all its text
        ("in_mbert", pa.bool_()),
        ("source", pa.string()),
    ]
)
"""A row per language that a shipped task or XLM-R's pre-training has."""


@functools.cache
def languages() -> pa.Table:
    """LANGUAGES, by their codes."""
    values = read_yaml(FILE).values
    known, source = values["languages"], "; ".join(f"{what}: {where}" for what, where in values["sources"].items())
    total = sum(of["gib"] for of in known.values())
    rows = [
        {
            "language": code,
            "name": of["name"],
            "family": of["family"],
            "script": of["script"],
            "xlmr_gib": float(of["gib"]),
            "xlmr_share": 100 * of["gib"] / total,
            "in_mbert": of["mbert"],
            "source": source,
        }
        for code, of in known.items()
    ]
    return pa.Table.from_pylist(rows, schema=LANGUAGES)
