"""Problem documents (RFC 9457): what failed, what is safe, what to do, for programs and people."""

from __future__ import annotations

import msgspec

MEDIA_TYPE = b"application/problem+json"
_encode = msgspec.json.encode


def problem(
    status: int,
    title: str,
    detail: str = "",
    *,
    safe: str = "",
    hint: str = "",
    reason: str = "",
) -> bytes:
    """A problem as JSON; ``safe``, ``hint`` and ``reason`` are extension members (3.2)."""
    members: dict[str, str | int] = {"type": "about:blank", "title": title, "status": status}
    words = {"detail": detail, "safe": safe, "hint": hint, "reason": reason}
    members |= {name: text for name, text in words.items() if text}
    return _encode(members)
