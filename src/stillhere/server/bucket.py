"""A bulletin as objects below a prefix of a bucket, which the store itself or any web server in
front of it hands out: each is replaced whole, in the order given."""

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from stillhere.errors import BadInput
from stillhere.vault.backends.access import Access, read_access
from stillhere.vault.backends.s3 import SILENT, client, why

TRIES = 2  # further ones: whatever is written twice is the same
KINDS = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "atom": "application/atom+xml; charset=utf-8",
    "pem": "application/x-pem-file",
    "sig": "application/octet-stream",
}
FRESH = "no-cache"  # whoever keeps a copy on the way asks whether it is the newest


def put_page(place: str, files: Mapping[str, bytes], ours: tuple[str, bytes]) -> None:
    """Replace what is there by these files. Where there is an `index.html` already, the file
    that `ours` names must have these bytes in it.

    Raises BadInput for a bucket that cannot be written, or has a page of somebody else."""
    access = read_access(place)
    if access.lock_days:
        raise BadInput(
            "a page is written over again and again, and can't be locked",
            safe="nothing was changed",
            hint="leave ?lock-days out, and name a bucket without object lock",
        )
    store = _client(access)
    try:
        if not _is_ours(store, *ours):
            raise BadInput(
                f"{place} has an index.html that is none of ours",
                safe="nothing was changed",
                hint="name a prefix of its own for the page",
            )
        for name, data in files.items():
            kind = {"Content-Type": KINDS[name.rpartition(".")[2]], "Cache-Control": FRESH}
            obstore.put(store, name, data, attributes=kind, use_multipart=False)
    except (BaseError, OSError) as error:
        raise BadInput(
            f"the page can't be written to {place}: {why(error)}",
            safe="the page that was there before may be there still",
            hint=f"look at the store at {access.endpoint}: may these keys write there?",
        ) from None


@lru_cache(4)
def _client(access: Access) -> S3Store:
    """One for all editions, so that its connections stay."""
    return client(access, SILENT, tries=TRIES)


def _is_ours(store: S3Store, name: str, mark: bytes) -> bool:
    try:
        obstore.head(store, "index.html")
    except FileNotFoundError:
        return True
    with suppress(FileNotFoundError):
        return mark in obstore.get(store, name).bytes().to_bytes()
    return False
