"""Doors for devices and people; they do not know each other."""
