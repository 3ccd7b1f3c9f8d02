"""Stillhere: a personal-data service that survives the loss of its core."""

__version__ = "0.1.0.dev0"
