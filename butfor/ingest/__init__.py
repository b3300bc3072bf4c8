"""A source's rows become clean events, or a quarantined row with a reason."""

from butfor.ingest.load import Loaded, load
from butfor.ingest.tables import all_tables, attribute_table, event_table, line_table

__all__ = ["Loaded", "all_tables", "attribute_table", "event_table", "line_table", "load"]
