"""How far results can be trusted: the luck of searches, of choosing, and of the test itself."""

from sweep.results.audit.alarms import FalseAlarms, false_alarms, together
from sweep.results.audit.searches import SearchAudit, searches
from sweep.results.audit.selections import SelectionAudit, selections

__all__ = ["FalseAlarms", "SearchAudit", "SelectionAudit", "false_alarms", "searches", "selections", "together"]
