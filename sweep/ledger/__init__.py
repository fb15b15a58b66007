"""The ledger: what every finished trial was, and what came out of it."""

from sweep.ledger.entry import MEASURED, OUTCOME, SCHEMA, Entry, measured, of_earlier_code, outcome
from sweep.ledger.ledger import FOLDER, PART, PART_TRIALS, DamagedLedger, Ledger

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
