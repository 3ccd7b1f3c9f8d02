"""Answers: a status, headers and a body, and the ones that several methods give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stillhere.protocols.dav.grammar import problem, webdav, xml

Headers = tuple[tuple[bytes, bytes], ...]

HELD_RETRY_S = 3600
_XML = (b"content-type", xml.MEDIA_TYPE)
_PROBLEM = (b"content-type", problem.MEDIA_TYPE)


class Answer(NamedTuple):
    """What is sent back; the content length is added when it is sent."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class Refused(Exception):
    """Ends a request early with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def multistatus(responses: Iterable[str | bytes], after: str = "") -> Answer:
    """A 207 of these responses."""
    return Answer(207, (_XML,), webdav.multistatus(responses, after))


def precondition(status: int, name: str, content: str = "", *, detail: str = "") -> Answer:
    """A DAV:error that names the precondition that failed (RFC 4918, 16)."""
    return Answer(status, (_XML,), webdav.error(name, content, detail))


def with_xml(status: int, body: bytes) -> Answer:
    """An XML body with any status."""
    return Answer(status, (_XML,), body)


def refusal(
    status: int,
    title: str,
    detail: str = "",
    *,
    safe: str = "",
    hint: str = "",
    reason: str = "",
    headers: Headers = (),
) -> Answer:
    """A problem document (RFC 9457)."""
    body = problem.problem(status, title, detail, safe=safe, hint=hint, reason=reason)
    return Answer(status, (_PROBLEM, *headers), body)


def unavailable(
    detail: str, retry_after: int, *, safe: str = "", hint: str = "", reason: str = ""
) -> Answer:
    """503 with Retry-After in seconds (RFC 9110, 15.6.4): the one answer that keeps copies safe."""
    return refusal(
        503,
        "Service Unavailable",
        detail,
        safe=safe,
        hint=hint,
        reason=reason,
        headers=((b"retry-after", b"%d" % retry_after),),
    )


def held() -> Answer:
    """The body of this record has not been found; that it exists is proven."""
    return unavailable(
        "the content of this record has not been found yet",
        HELD_RETRY_S,
        safe="that the record exists is proven, and it stays in every listing",
        hint="a device that still has it heals it by sending it",
        reason="held",
    )


def missing() -> Answer:
    """There is nothing of this name."""
    return refusal(404, "Not Found", "there is nothing of this name")


def no_parent() -> Answer:
    """409 for what would stand in a collection that does not exist (RFC 4918, 9.3.1, 9.7.1)."""
    return refusal(409, "Conflict", "there is no collection of this name")


def changed(hint: str = "fetch it again, and edit that") -> Answer:
    """412: what is there is not what the device thinks it is."""
    return refusal(
        412,
        "Precondition Failed",
        "what is on the server is not what the change was made on",
        safe="nothing was changed",
        hint=hint,
    )
