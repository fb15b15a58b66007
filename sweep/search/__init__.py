"""Which trial comes next. A pure function of the plan and of what the ledger has."""

from sweep.search.outcome import Fate, Member, Outcome, Role, Status
from sweep.search.search import PARENT, Search

__all__ = ["PARENT", "Fate", "Member", "Outcome", "Role", "Search", "Status"]
