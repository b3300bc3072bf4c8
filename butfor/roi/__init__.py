"""Measured effects become margin, cost, payback and a verdict."""
