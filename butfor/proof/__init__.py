"""Measure what butfor claims, on data whose truth is known: labels are read here, and nowhere else."""

from butfor.proof.agreement import Agreement, agreement
from butfor.proof.identity import Measured, prove_identity

__all__ = ["Agreement", "Measured", "agreement", "prove_identity"]
