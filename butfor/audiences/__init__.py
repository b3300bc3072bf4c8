"""Compile a marketer's rules into one query of people, checking permitted use."""

from butfor.audiences.compile import CHANNELS, Compiler, condition, reads_history, trait_type
from butfor.audiences.explain import rule_sentence
from butfor.audiences.membership import (
    MEMBERSHIP,
    PAST,
    RECHECK,
    SIZES,
    AudienceSize,
    Compiled,
    Stage,
    audience_names,
    compile_audiences,
    flags,
    joined_facts,
    members,
    members_at,
    newest,
    sizes,
)
from butfor.audiences.text import parse_rule
from butfor.audiences.words import rule_text

__all__ = [
    "CHANNELS", "MEMBERSHIP", "PAST", "RECHECK", "SIZES", "AudienceSize", "Compiled", "Compiler", "Stage", "audience_names",
    "compile_audiences", "condition", "flags", "joined_facts", "members", "members_at", "newest", "parse_rule", "reads_history", "rule_sentence",
    "rule_text", "sizes", "trait_type",
]  # fmt: skip
