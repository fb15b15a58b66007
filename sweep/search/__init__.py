"""Which trial comes next. A pure function of the plan and of what the ledger has."""

from sweep.search.search import PARENT, Fate, Member, Outcome, Role, Search, Status

__all__ = ["PARENT", "Fate", "Member", "Outcome", "Role", "Search", "Status"]
