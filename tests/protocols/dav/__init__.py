"""The CardDAV door, asked as devices ask it: over ASGI, with a real store and a real vault."""
