"""What obstore does not ask an S3 store: whether a bucket locks objects, and an object's versions.

A bucket that keeps versions (one with object lock does) only hides what is deleted. What an
erasure removes must be gone, so every version of it is deleted by its number.

Requests are signed as AWS Signature Version 4 says, one connection each; none is frequent.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
import time
import xml.etree.ElementTree as ElementTree
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from stillhere.vault.backends.access import Access

TIMEOUT_S = 20
MOST_BYTES = 8 << 20
MOST_PAGES = 1000
_NONE = (HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.METHOD_NOT_ALLOWED)  # a store without versions
_SCOPE = "s3", "aws4_request"
_CODE = re.compile(rb"<Code>(\w{1,64})</Code>")


class Refused(Exception):
    """The store did not do it; in words without names or keys."""


class Answer(NamedTuple):
    """A status and the body that came with it."""

    status: int
    body: bytes

    def refused(self) -> Refused:
        """What the store said instead."""
        found = _CODE.search(self.body)
        return Refused(f"{self.status} {found[1].decode() if found else ''}".strip())


def locks_objects(access: Access) -> bool:
    """Whether a bucket takes objects that can't be deleted for a while. Raises Refused."""
    answer = request(access, "GET", "", {"object-lock": ""})
    if answer.status in (HTTPStatus.NOT_FOUND, *_NONE):
        return False
    if answer.status != HTTPStatus.OK:
        raise answer.refused()
    return _text(_parse(answer.body), "ObjectLockEnabled") == "Enabled"


def remove_versions(access: Access, name: str) -> bool:
    """Delete every version of an object, the marks of its deletions too; False where the store
    has no versions. Raises Refused.

    The newest goes first: until the last one is gone, there is an object to be seen."""
    found = _versions(access, name)
    if found is None:
        return False
    for version in found:
        answer = request(access, "DELETE", name, {"versionId": version})
        if answer.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND):
            raise answer.refused()
    if _versions(access, name):
        raise Refused("a version is still there")
    return True


def _versions(access: Access, name: str) -> list[str] | None:
    """The numbers of an object's versions, the newest first; None from a store without any."""
    key = _key(access, name)
    query = {"versions": "", "prefix": key}
    found: list[str] = []
    for _ in range(MOST_PAGES):
        answer = request(access, "GET", "", query)
        if answer.status in _NONE:
            return None
        if answer.status != HTTPStatus.OK:
            raise answer.refused()
        page = _parse(answer.body)
        if page.tag.rpartition("}")[2] != "ListVersionsResult":  # it took no notice
            return None
        entries = [e for e in page if e.tag.rpartition("}")[2] in ("Version", "DeleteMarker")]
        found += [_text(entry, "VersionId") for entry in entries if _text(entry, "Key") == key]
        if _text(page, "IsTruncated") != "true":
            return found
        query["key-marker"] = _text(page, "NextKeyMarker")
        query["version-id-marker"] = _text(page, "NextVersionIdMarker")
    raise Refused("its list of versions has no end")


def request(
    access: Access,
    method: str,
    name: str,
    query: dict[str, str],
    headers: dict[str, str] | None = None,
) -> Answer:
    """One signed request without a body: to an object, or to the bucket where ``name`` is empty.

    Raises Refused when nobody answers."""
    parts = urlsplit(access.endpoint)
    path = "/" + quote("/".join(filter(None, (access.bucket, name and _key(access, name)))))
    asked = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(query.items()))
    sent = _sign(access, method, path, asked, {"host": parts.netloc, **(headers or {})})
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, f"{path}?{asked}" if asked else path, headers=sent)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(MOST_BYTES))
    except (OSError, http.client.HTTPException) as error:
        raise Refused(f"no answer ({type(error).__name__})") from None
    finally:
        connection.close()


def _sign(
    access: Access, method: str, path: str, asked: str, headers: dict[str, str]
) -> dict[str, str]:
    """The headers with a signature over them, the method and what is asked for."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    nothing = hashlib.sha256(b"").hexdigest()
    headers = headers | {"x-amz-date": stamp, "x-amz-content-sha256": nothing}
    if access.token:
        headers["x-amz-security-token"] = access.token
    signed = sorted(headers)
    lines = [method, path, asked, *(f"{name}:{headers[name]}" for name in signed)]
    lines += ["", ";".join(signed), nothing]
    scope = (stamp[:8], access.region, *_SCOPE)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = b"AWS4" + access.secret.encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, "/".join(scope), digest))
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access.key_id}/{'/'.join(scope)},"
        f" SignedHeaders={';'.join(signed)}, Signature={signature}"
    )
    return headers


def _key(access: Access, name: str) -> str:
    return f"{access.prefix}/{name}" if access.prefix else name


def _parse(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314  the store's own answer, bounded
    except ElementTree.ParseError:
        raise Refused("it answers in no XML") from None


def _text(element: ElementTree.Element, name: str) -> str:
    found = element.find(f"{{*}}{name}")
    return "" if found is None else found.text or ""
