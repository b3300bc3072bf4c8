"""Say at most one thing to this person now, or nothing, and write down why."""

from butfor.decide.once import COOL_OFF, Candidate, Decision, decide

__all__ = ["COOL_OFF", "Candidate", "Decision", "decide"]
