"""The people's names in Latin script, where a language writes them no other way."""

from __future__ import annotations

from collections.abc import Mapping

LATIN = {
    "anna": "Anna",
    "daniel": "Daniel",
    "maria_lopez": "Maria Lopez",
    "omar": "Omar",
    "laura_weber": "Laura Weber",
    "robert_brown": "Robert Brown",
    "elena": "Elena",
    "viktor_ivanov": "Viktor Ivanov",
    "sara": "Sara",
    "thomas": "Thomas",
    "julia": "Julia",
    "martin_king": "Martin King",
}


def names(table: Mapping[str, str]) -> dict[str, str]:
    """The notation of plain proper names: `{"sara": "Sara"}` becomes `{"sara": "Sara/PROPN"}`."""
    return {key: " ".join(f"{part}/PROPN" for part in name.split()) for key, name in table.items()}
