"""Every error a person or a device may see: what failed, what is safe, what to do next.

One base class carries the three, so that a command prints them and a protocol answers with them
without knowing which room raised.
No error holds a secret: no password, key, token or body.

An error is a verdict on one action, and its class says what a caller does about it:

=================  ====  ======  ==================================================
class              exit  HTTP    the caller
=================  ====  ======  ==================================================
``BadInput``       2     400     corrects what it asked for
``NotFound``       3     404     asks for something that exists
``Erased``         3     401     logs in as somebody else
``Closed``         1     503     asks again after ``retry_after`` seconds
``Unavailable``    1     503     asks again after ``retry_after`` seconds
``Fenced``         6     503     never asks this core again
``Damaged``        4     503     looks at what a proof did not find
``Degraded``       7     --      mends one copy of the vault from the others
``RefusedVault``   5     --      brings another kit or another vault
=================  ====  ======  ==================================================
"""

from __future__ import annotations

from typing import ClassVar


class StillhereError(Exception):
    """What failed (``what``), what is safe (``safe``) and what to do next (``hint``).

    ``safe`` and ``hint`` are empty where there is nothing true and useful to say.
    ``exit_code`` is what a command ends with when this error stops it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, safe: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.safe = safe
        self.hint = hint

    def __str__(self) -> str:
        """One line for a log or a traceback; ``render`` gives the lines for a person."""
        parts = [self.what]
        if self.safe:
            parts.append(f"safe: {self.safe}")
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "; ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        """Survives the way back from a worker process, whatever a subclass's arguments are."""
        return _rebuild, (type(self), self.args, self.__dict__)


class BadInput(StillhereError):
    """What was asked for can't be done as asked: a malformed name, card, setting or option."""

    exit_code = 2


class NotFound(StillhereError):
    """The account, collection, record or file that was named does not exist."""

    exit_code = 3


class Erased(NotFound):
    """The account was erased: whoever asks as somebody that it let in is nobody now."""


class Closed(StillhereError):
    """A shelf is closed; it may open after ``retry_after`` seconds, and ``reason`` says why."""

    def __init__(
        self, what: str = "", *, retry_after: int, reason: str, safe: str = "", hint: str = ""
    ) -> None:
        super().__init__(what or f"this shelf is closed: {reason}", safe=safe, hint=hint)
        self.retry_after = retry_after
        self.reason = reason


class Unavailable(StillhereError):
    """The vault can't be written or read now, so nothing can be acknowledged or proven.

    The change that met this error was rolled back; ``retry_after`` is in seconds.
    """

    def __init__(self, what: str, *, retry_after: int = 30, safe: str = "", hint: str = "") -> None:
        super().__init__(what, safe=safe, hint=hint)
        self.retry_after = retry_after


class Fenced(StillhereError):
    """This core's epoch is sealed: another core has taken over.

    For ever: every request is answered 503, reads included, since a core that lists an old state
    empties phones.
    """

    exit_code = 6


class Surplus(Fenced):
    """The vault holds changes that this core does not have and can't replay.

    Somebody else wrote to it, or this core is an old copy; it serves nothing.
    """


class Damaged(StillhereError):
    """A proof failed: bytes don't match their digest, chain, signature or roster."""

    exit_code = 4


class Degraded(StillhereError):
    """A copy of the vault has something missing or broken, and another makes it good."""

    exit_code = 7


class RefusedVault(StillhereError):
    """A recovery stopped at its check, before anything was sealed or written."""

    exit_code = 5


class WrongKit(RefusedVault):
    """The recovery kit is unreadable, or it or the core belongs to another vault."""


class NotAVault(RefusedVault):
    """The place that was named holds no vault, or only part of one."""


class FutureVault(RefusedVault):
    """The vault was written in a format newer than this version of Stillhere reads."""


class Behind(RefusedVault):
    """A witness saw more of this vault than it has now: it may be an old copy."""


def render(error: StillhereError) -> str:
    """The lines a person reads: ``error:``, ``safe:`` and ``hint:``, those that have something.

    Further lines of a part are indented under its first one.
    """
    parts = (("error:", error.what), ("safe: ", error.safe), ("hint: ", error.hint))
    return "\n".join(
        f"{label} {text.strip()}".replace("\n", "\n       ") for label, text in parts if text
    )


def _rebuild(
    kind: type[StillhereError], args: tuple[object, ...], attributes: dict[str, object]
) -> StillhereError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
