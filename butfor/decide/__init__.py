"""Say at most one thing to this person now, or nothing, and write down why."""

from butfor.decide.once import Candidate, Decision, decide

__all__ = ["Candidate", "Decision", "decide"]
