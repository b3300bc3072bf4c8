"""Which products to suggest to whom: pure functions over a history of purchases, no database."""

from butfor.catalog.recommend.eligible import Product, Rules, eligible
from butfor.catalog.recommend.history import History, history_of
from butfor.catalog.recommend.offline import SlotReport, report
from butfor.catalog.recommend.serve import SLOTS, Fitted, Suggestion, fit, suggest
from butfor.catalog.recommend.words import reason

__all__ = [
    "SLOTS", "Fitted", "History", "Product", "Rules", "SlotReport", "Suggestion", "eligible", "fit", "history_of", "reason",
    "report", "suggest",
]  # fmt: skip
