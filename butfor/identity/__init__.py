"""Judge which accounts are one person; events keep their account, a person is a join."""

from butfor.identity.people import PEOPLE_MAP, PeopleFound, coverage, joined_accounts, resolve_people

__all__ = ["PEOPLE_MAP", "PeopleFound", "coverage", "joined_accounts", "resolve_people"]
