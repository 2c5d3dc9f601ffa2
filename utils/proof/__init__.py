"""Proof: a program counts only when it gives what independent gold SQL gives."""
