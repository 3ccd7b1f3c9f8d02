"""Log-ins: device passwords by a fast hash, chosen ones by argon2id two at a time.

A name that does not exist is answered like a wrong password, after the same work, and every
failure at the next tick of a coarse clock, so that neither answer nor time tells names apart.
Failures are throttled per name and client, and per client; no client has more than its share of
the hashing. A log-in that was verified before is served all the same.
"""

from __future__ import annotations

import asyncio
import hmac
import math
import os
import time
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import NamedTuple, TypeVar

import msgspec

from stillhere.errors import BadInput, Closed, Erased, StillhereError
from stillhere.store.accounts import (
    ACCOUNT,
    CREDENTIALS,
    DEVICE_PREFIX,
    DEVICES,
    LOST_NAME,
    Device,
    Password,
    find_folded,
    fold_name,
    hash_device_secret,
    name_of,
)
from stillhere.store.door import Door

REMEMBERED = 20_000  # verified log-ins and throttled clients kept in memory, each
FREE_FAILURES = 10  # for one name from one client
CLIENT_FAILURES = 30  # for all names from one client, chosen passwords only
THROTTLE_S = 60.0
FAILURE_TICK_S = 0.1
WAITING_HASHES, CLIENT_HASHES = 64, 8  # log-ins that wait for argon2: all, and one client's

K = TypeVar("K")
V = TypeVar("V")


class BadLogin(StillhereError):
    """The name or the password is wrong; which, is not said."""


class Throttled(StillhereError):
    """Too many failures, or too many log-ins at once; ask again after ``retry_after`` s."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many log-ins failed", hint=f"try again in {retry_after} s")
        self.retry_after = retry_after


class Login(NamedTuple):
    """Who is asking, by the name that the account has (not as it was typed), and with which
    device."""

    account: bytes
    name: str
    device: str


class _Attempt(NamedTuple):
    """What failures are counted by; no name stands for all names together."""

    name: str
    client: str
    kind: str


class _Verified(NamedTuple):
    login: Login
    position: int


class Logins:
    """Checks names and passwords against the account shelves."""

    def __init__(self, store: Door) -> None:
        self._store = store
        self._secret = os.urandom(32)
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._failures: OrderedDict[_Attempt, tuple[int, float]] = OrderedDict()
        self._hashing = ThreadPoolExecutor(2, thread_name_prefix="argon2")
        self._waiting: Counter[str] = Counter()
        self._dummy = ""

    async def authenticate(self, name: str, password: str, *, client: str) -> Login:
        """Who has this name and password. ``client`` is the address that asks.

        Raises BadLogin (401), Throttled (429), and Closed, Fenced or Unavailable (503)."""
        given = f"{name}\0{password}".encode("utf-8", "surrogatepass")
        remembered = hmac.digest(self._secret, given, "sha256")
        began = time.monotonic()
        try:
            verified = self._verified.get(remembered)
            if verified is not None:
                if self._position(verified.login.account) == verified.position:
                    return verified.login
                del self._verified[remembered]
            login, position = await self._verify(name, password, network_of(client))
        except Erased:
            self._verified.pop(remembered, None)
            await _wait_for_tick(began)
            raise BadLogin("wrong name or password") from None
        except (BadLogin, Throttled):
            await _wait_for_tick(began)
            raise
        _remember(self._verified, remembered, _Verified(login, position))
        return login

    async def _verify(self, name: str, password: str, client: str) -> tuple[Login, int]:
        try:
            folded = fold_name(name)
        except BadInput:
            raise BadLogin("wrong name or password") from None
        account = find_folded(self._store.core.reader(), folded)
        if account is None:
            account = await self._store.gate.find(folded)
        if account is not None:
            await self._store.gate.enter(account, ACCOUNT)
            known = name_of(self._store.core.reader(), account)
            name = name if known.startswith(LOST_NAME) else known
        if password.startswith(DEVICE_PREFIX):
            checked = self._check_device(account, name, password)
            attempts = [_Attempt(folded, client, DEVICE_PREFIX)]
        else:
            attempts = [_Attempt(folded, client, ""), _Attempt("", client, "")]
            self._check_failures(attempts)  # before the hashing, which is what costs
            checked = await self._check_chosen(account, name, password, client)
        if checked is None:
            self._check_failures(attempts)
            self._count_failure(attempts)
            raise BadLogin("wrong name or password")
        return checked

    def _check_device(
        self, account: bytes | None, name: str, password: str
    ) -> tuple[Login, int] | None:
        device, _, secret = password.removeprefix(DEVICE_PREFIX).partition("-")
        if account is not None:
            with self._store.read(account, ACCOUNT) as shelf:
                found = shelf.body(DEVICES, device)
                position = shelf.last_seq
            if found is not None and found[1] is None:
                raise _held()
            if found is not None and found[1] is not None:
                kept = msgspec.msgpack.decode(found[1], type=Device)
                if hmac.compare_digest(kept.hash, hash_device_secret(kept.salt, secret)):
                    return Login(account, name, device), position
        return None

    async def _check_chosen(
        self, account: bytes | None, name: str, password: str, client: str
    ) -> tuple[Login, int] | None:
        argon2, position = "", 0
        if account is not None:
            with self._store.read(account, ACCOUNT) as shelf:
                found = shelf.body(CREDENTIALS, "password")
                position = shelf.last_seq
            if found is not None and found[1] is None:
                raise _held()
            if found is not None and found[1] is not None:
                argon2 = msgspec.msgpack.decode(found[1], type=Password).argon2
        if self._waiting.total() >= WAITING_HASHES or self._waiting[client] >= CLIENT_HASHES:
            raise Throttled(5)
        self._waiting[client] += 1
        try:
            loop = asyncio.get_running_loop()
            right = await loop.run_in_executor(self._hashing, self._hash, argon2, password)
        finally:
            self._waiting[client] -= 1
            self._waiting += Counter()  # leaves out who waits no more
        if account is None or not right:
            return None
        return Login(account, name, "password"), position

    def _hash(self, argon2: str, password: str) -> bool:
        from argon2 import PasswordHasher
        from argon2.exceptions import VerificationError

        hasher = PasswordHasher()
        if not argon2 and not self._dummy:
            self._dummy = hasher.hash(os.urandom(16).hex())
        try:
            hasher.verify(argon2 or self._dummy, password.encode("utf-8", "surrogatepass"))
        except VerificationError:
            return False
        return bool(argon2)

    def _position(self, account: bytes) -> int:
        row = self._store.gate.check(account, ACCOUNT, self._store.core.reader())
        return row.last_seq

    def _check_failures(self, attempts: list[_Attempt]) -> None:
        for attempt in attempts:
            count, last = self._failures.get(attempt, (0, 0.0))
            wait = THROTTLE_S - (time.monotonic() - last)
            if count >= (FREE_FAILURES if attempt.name else CLIENT_FAILURES) and wait > 0:
                raise Throttled(int(wait) + 1)

    def _count_failure(self, attempts: list[_Attempt]) -> None:
        now = time.monotonic()
        for attempt in attempts:
            count, last = self._failures.get(attempt, (0, 0.0))
            fresh = count if now - last < THROTTLE_S else 0
            _remember(self._failures, attempt, (fresh + 1, now))


async def _wait_for_tick(began: float) -> None:
    took = time.monotonic() - began
    await asyncio.sleep(math.ceil(took / FAILURE_TICK_S) * FAILURE_TICK_S - took)


def network_of(client: str) -> str:
    """Whom failures count against: an address, or the /64 that one household or thief has."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if not isinstance(address, IPv6Address):
        return client
    mapped = address.ipv4_mapped
    return str(mapped or IPv6Network((address, 64), strict=False))


def _held() -> Closed:
    return Closed(
        "this password is known to exist, and its record has not been found yet",
        reason="held",
        retry_after=300,
        safe="your device still has its copy, and keeps it",
        hint="the operator can give the account a new password",
    )


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
