"""What one answer may cost: bytes of it, and seconds of a processor for it."""

from __future__ import annotations

from time import thread_time

from stillhere.protocols.dav.grammar import webdav
from stillhere.protocols.dav.handlers.answer import Refused, precondition
from stillhere.protocols.dav.handlers.request import Limits


class Bounds:
    """How far one answer is from its limits. Beyond them it is 507, and nothing of it is sent:
    a device that takes an answer for whole would delete what was cut off."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._end = thread_time() + limits.search_s
        self._size = 0

    def go_on(self) -> None:
        """Raises Refused when it has taken too long."""
        if thread_time() >= self._end:
            raise _refuse(f"this answer takes longer than {self._limits.search_s} s")

    def add(self, size: int) -> None:
        """So many bytes more. Raises Refused when they are too many."""
        self._size += size
        if self._size > self._limits.answer:
            raise _refuse(f"this answer would be longer than {self._limits.answer} bytes")


def _refuse(detail: str) -> Refused:
    detail = f"{detail}; ask for less, or in parts"
    return Refused(precondition(507, webdav.WITHIN_LIMITS, detail=detail))
