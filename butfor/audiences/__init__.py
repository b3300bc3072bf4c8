"""Compile a marketer's rules into one query of people, checking permitted use."""

from butfor.audiences.compile import condition, rule_sentence
from butfor.audiences.membership import (
    MEMBERSHIP,
    AudienceSize,
    audience_conditions,
    members,
    memberships,
    sizes,
)

__all__ = [
    "MEMBERSHIP", "AudienceSize", "audience_conditions", "condition", "members", "memberships", "rule_sentence", "sizes",
]  # fmt: skip
