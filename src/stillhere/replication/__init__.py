"""From the store to the vault: journal, roll-ups, compaction, and what a start must prove."""
