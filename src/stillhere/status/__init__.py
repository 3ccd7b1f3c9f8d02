"""What is known about a core, told in plain words and as JSON.

The room takes plain figures and returns text: it reads no store and no vault, so a page can be
made where the core no longer lives.
"""
