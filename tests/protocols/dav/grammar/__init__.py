"""The grammar alone: text in, values out, and back."""
