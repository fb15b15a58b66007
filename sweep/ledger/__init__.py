"""The ledger: what every finished trial was, and what came out of it."""

from sweep.ledger.entry import MEASURED, OUTCOME, Entry, measured, of_earlier_code, outcome
from sweep.ledger.ledger import FOLDER, PART, PART_TRIALS, DamagedLedger, Ledger, Snapshot
from sweep.ledger.tables import PREDICTIONS, SCORES, TABLES, TRIALS, VERSION

__all__ = [
    "FOLDER",
    "MEASURED",
    "OUTCOME",
    "PART",
    "PART_TRIALS",
    "PREDICTIONS",
    "SCORES",
    "TABLES",
    "TRIALS",
    "VERSION",
    "DamagedLedger",
    "Entry",
    "Ledger",
    "Snapshot",
    "measured",
    "of_earlier_code",
    "outcome",
]
