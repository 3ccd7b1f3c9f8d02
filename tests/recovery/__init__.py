"""Losing the core and getting it back: what must be there afterwards, and what may be missing."""
