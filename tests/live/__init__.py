"""Real servers as processes, and real connections to them, for tests that need both."""
