"""The vault: encrypted, signed, create-only bytes off the core. It knows nothing of contacts."""
