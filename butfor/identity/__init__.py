"""Judge which accounts are one person; events keep their account, a person is a join."""

from butfor.identity.facts import Rules, Said, rules_of
from butfor.identity.partition import Held, partition
from butfor.identity.people import Judged, PeopleFound, judge_people, keep_people
from butfor.identity.read import PEOPLE_MAP, coverage, joined_accounts

__all__ = [
    "PEOPLE_MAP", "Held", "Judged", "PeopleFound", "Rules", "Said", "coverage", "joined_accounts", "judge_people", "keep_people",
    "partition", "rules_of",
]  # fmt: skip
