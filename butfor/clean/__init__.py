"""Clean what people type: pure functions on text; the original is always kept beside what they return."""

from butfor.clean.cities import Gazetteer, clean_city, geonames, own_gazetteer
from butfor.clean.emails import clean_email, comparison_key
from butfor.clean.names import Name, clean_name, name_key, names_agree, parse_name
from butfor.clean.phones import clean_phone
from butfor.clean.verdict import Verdict

__all__ = [
    "Gazetteer", "Name", "Verdict", "clean_city", "clean_email", "clean_name", "clean_phone", "comparison_key", "geonames", "name_key", "names_agree", "own_gazetteer", "parse_name",
]  # fmt: skip
