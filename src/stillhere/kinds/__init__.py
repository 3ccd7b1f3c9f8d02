"""What people keep: one module per kind says what its records are. Pure: bytes in, facts out."""

RECOVERY_ORDER = ("account", "contacts")
"""Every kind that has shelves, in the order in which a recovery brings them back."""
