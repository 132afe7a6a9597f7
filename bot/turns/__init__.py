"""Turns: what is said is taken in once, answered once, in order, whatever fails meanwhile."""
