"""What phones must never be told, door by door: one test per row of the guard."""
