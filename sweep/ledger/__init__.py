"""The ledger: what every finished trial was, and what came out of it."""

from sweep.ledger.ledger import (
    FOLDER,
    MEASURED,
    OUTCOME,
    PART,
    PART_TRIALS,
    SCHEMA,
    DamagedLedger,
    Entry,
    Ledger,
    measured,
    of_earlier_code,
    outcome,
)

__all__ = [
    "FOLDER",
    "MEASURED",
    "OUTCOME",
    "PART",
    "PART_TRIALS",
    "SCHEMA",
    "DamagedLedger",
    "Entry",
    "Ledger",
    "measured",
    "of_earlier_code",
    "outcome",
]
