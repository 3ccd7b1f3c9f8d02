"""Hypothesis machines: random lives of the real rooms, compared with plain dictionaries."""
