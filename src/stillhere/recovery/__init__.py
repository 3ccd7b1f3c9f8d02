"""From the vault to a store: check, seal, serve, mirror, unpack, prove, report."""
