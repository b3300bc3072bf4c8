"""Facts: a number, text or time per person, taken from what happened; one definition, one column of a named query.

Audiences state conditions on facts and profiles keep them as traits, so both mean the same by a word. A fact is a leaf of a
rule about an event, without its operator.
"""

from butfor.facts.clock import Clock, clock_at, least
from butfor.facts.compare import OPERATORS, Operator, compare, value_of
from butfor.facts.events import fact_queries
from butfor.facts.fact import bare, fact_name, fact_type
from butfor.facts.grid import GridColumns, all_grid_facts, grid_columns, grid_facts
from butfor.facts.passes import Facts

__all__ = [
    "OPERATORS", "Clock", "Facts", "GridColumns", "Operator", "all_grid_facts", "bare", "clock_at", "compare", "fact_name", "fact_queries", "fact_type",
    "grid_columns", "grid_facts", "least", "value_of",
]  # fmt: skip
