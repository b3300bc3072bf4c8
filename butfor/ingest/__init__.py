"""A source's rows become clean events, or a quarantined row with a reason."""

from butfor.ingest.live import Drain, Drained
from butfor.ingest.load import Loaded, load
from butfor.ingest.tables import all_tables, attribute_table, event_table, line_table

__all__ = ["Drain", "Drained", "Loaded", "all_tables", "attribute_table", "event_table", "line_table", "load"]
