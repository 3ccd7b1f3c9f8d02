"""From the store to the vault: the journal before the commit, and what tends it afterwards."""
