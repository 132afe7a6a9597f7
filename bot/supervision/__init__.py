"""Supervision: what is kept is erased, exported and accounted for."""
