"""Clean what people type: pure functions on text; the original is always kept beside what they return."""

from butfor.clean.names import name_key, names_agree

__all__ = ["name_key", "names_agree"]
