"""The vault's objects one by one: what proves itself, and what damage costs."""
