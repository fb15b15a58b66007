"""Which trial comes next. A pure function of the plan and of what the ledger has."""

from sweep.search.search import PARENT, Outcome, Search, Status

__all__ = ["PARENT", "Outcome", "Search", "Status"]
