"""The store's door: shelves, group commit, gate, accounts and log-ins of a real core."""
