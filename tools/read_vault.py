#!/usr/bin/env python3
# ruff: noqa: D102, D103, T201 (a command in one file: names say it, and it prints)
"""Reads a vault with its recovery kit and nothing of Stillhere: the kit's last resort.

    python tools/read_vault.py VAULT KIT list | show ACCOUNT KIND | extract ACCOUNT KIND DIR
Written from docs/format.md, whose words it uses; it never writes to the vault.
ACCOUNT is an id or a name as ``list`` shows them, KIND is account or contacts.
Needs Python 3.11 or newer, cryptography, msgspec and zstandard.
Exit code: 0 when everything is proven and there, 1 when not, 2 for what can't be done.
"""

import hmac
import json
import re
import struct
import sys
from base64 import b32decode
from collections import defaultdict, namedtuple
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial, reduce
from hashlib import sha256
from pathlib import Path

import zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import DecodeError, Raw, msgpack

PRESENT, DELETED, HELD = range(3)  # states; the operations put and delete have the same numbers
ROSTER, BODIES = 1, 2
SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
BROKEN = (OSError, DecodeError, InvalidTag, InvalidSignature, zstandard.ZstdError, ValueError)
BROKEN += (LookupError, TypeError, struct.error)  # what damaged bytes lead to
mac = partial(hmac.digest, digest="sha256")
decompress = partial(zstandard.ZstdDecompressor().decompress, max_output_size=512 << 20)
Row = namedtuple("Row", "owner first last segment offset entries bodies changes")
Source = namedtuple("Source", "parts epoch writer rows")
Item = namedtuple("Item", "collection href seq state uid component type size digest modified body")


def read_kit(text: str) -> tuple[bytes, Ed25519PublicKey, hpke.MLKEM768X25519PrivateKey]:
    lines = re.findall(r"^\s*(vault|key)\s*:\s*(.+?)\s*$", text, re.M | re.I)
    said = {name.lower(): re.sub(r"[\s-]", "", value).upper() for name, value in lines}
    raw = b32decode(said.get("key", "") + "=" * (-len(said.get("key", "")) % 8))
    vault, seed, check = bytes.fromhex(said.get("vault", "")), raw[:32], raw[32:]
    if check != sha256(b"stillhere kit check" + vault + seed).digest()[:5]:
        raise ValueError("this is no recovery kit, or there is a mistake in it")
    key = mac(b"stillhere kit 1", seed)
    root, x25519, half = (mac(key, info + b"\x01") for info in (b"root", b"x25519", b"mlkem"))
    mlkem = MLKEM768PrivateKey.from_seed_bytes(half + mac(key, half + b"mlkem\x02"))
    private = hpke.MLKEM768X25519PrivateKey(mlkem, X25519PrivateKey.from_private_bytes(x25519))
    return vault, Ed25519PrivateKey.from_private_bytes(root).public_key(), private


def read_rows(packed: bytes, digests: bytes) -> list[Item]:
    names = msgpack.decode(decompress(packed))
    suffix, hrefs, seqs, states, uids = names[1:6]
    books, *about = ([v for v, n in names[c] for _ in range(n)] for c in (0, 6, 7))
    hrefs = [href or uid + (suffix or "") for href, uid in zip(hrefs, uids, strict=True)]
    proofs = [digests[at : at + 32] for at in range(0, len(digests), 32)]
    columns = books, hrefs, seqs, states, uids, *about, names[8], proofs, names[9]
    return [Item(*row, None) for row in zip(*columns, strict=True)]


def read_bodies(first: int, count: int, names: bytes, rest: bytes, piece: bytes) -> dict[int, Item]:
    rows = read_rows(names, bytes(32 * count))
    found, others = zip(*msgpack.decode(decompress(piece)), strict=True), iter(range(len(rest)))
    for at, row in enumerate(rows):
        if row.state == PRESENT:
            marked, body = next(found)
            body = body.replace(b"\0", row.uid.encode()) if marked else body
            rows[at] = row._replace(digest=sha256(body).digest(), body=body)
        else:
            rows[at] = row._replace(digest=bytes(rest[next(others)] for _ in range(32)))
    return dict(enumerate(rows, first))


class Vault:
    """A vault and its kit: epochs, the newest root manifest, and the journal after its cut."""

    def __init__(self, folder: Path, kit: str) -> None:
        self.id, root, self.private = read_kit(kit)
        self.folder, self.keys, self.journal_keys = folder, {0: root}, {}
        self.ends, self.roots, self.sources, self.troubles, self.bits = {}, {}, [], [], None
        lines = ("stillhere", "vault", "created", "cipher", "bucket_bits", "root", "kit")
        for name in ("format.json", "format.json.twin"):
            with suppress(*BROKEN):
                said = json.loads((folder / name).read_bytes())
                signed = "\n".join(str(said[line]) for line in lines).encode()
                root.verify(bytes.fromhex(said["signature"]), signed)
                self.bits = said["bucket_bits"] if said["stillhere"] == 1 else None
        if self.bits is None:
            raise ValueError(f"{folder} is not a vault of format 1 that belongs to this kit")
        self._read_epochs()
        for name in {f"erasures/{p.name[:2]}/{p.name[:32]}" for p in folder.glob("erasures/??/*")}:
            with suppress(*BROKEN):
                self.erased.append(msgpack.decode(self.signed(name, by=max(self.journal_keys))))
        self.cut, self.buckets = self._read_root()
        for epoch in range(min(self.cut, default=1), max(self.journal_keys) + 1):
            folders = map(int, self.names(f"journal/{epoch:06d}"))
            for writer in sorted({*folders, *self.ends.get(epoch, {})}):
                self._read_writer(epoch, writer)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.folder / folder).glob("[!.]*"))

    def signed(self, name: str, *, digest: bytes = b"", by: int | None = None) -> bytes:
        for copy in (name, f"{name}.twin"):
            with suppress(*BROKEN):
                data = (self.folder / copy).read_bytes()
                epoch, body, signature = msgpack.decode(data[8:])
                statement = b"stillhere signed\0" + self.id + name.encode() + b"\0"
                self.keys[epoch].verify(signature, statement + body)
                if by in (None, epoch) and digest in (b"", sha256(data).digest()):
                    return body
        raise ValueError(f"{name} is missing or broken, and so is its twin if it has one")

    def data_key(self, account: bytes) -> bytes:
        name = f"keys/{account.hex()[:2]}/{account.hex()}"
        for copy in (name, f"{name}.twin"):
            with suppress(*BROKEN):
                data = (self.folder / copy).read_bytes()
                wrap, about = data[:8], b"stillhere data key " + self.id + account + data[:8]
                sealed, info = self.signed(f"wraps/{wrap.hex()}"), b"stillhere wrapping key " + wrap
                wrapping = AESGCM(SUITE.decrypt(sealed, self.private, info))
                return wrapping.decrypt(data[8:20], data[20:68], about)
        raise ValueError(f"{name} and its twin can't be opened")

    def _read_epochs(self) -> None:
        newest = max((int(name) for name in self.names("epochs")), default=1)
        for number in range(1, newest + 1):
            with suppress(*BROKEN if number == newest > 1 else ()):  # it may have been cut short
                epoch = msgpack.decode(self.signed(f"epochs/{number:06d}/epoch", by=0))
                key = SUITE.decrypt(epoch["journal_key"], self.private, b"stillhere journal key")
                self.keys[number] = Ed25519PublicKey.from_public_bytes(epoch["signing"])
                self.journal_keys[number], self.ends[number - 1] = key, epoch["ends"]
                self.roots[number], self.erased = epoch["roots"], epoch.get("erased", [])

    def _read_root(self) -> tuple[dict, dict]:
        for name in sorted({n[:8] for n in self.names("manifest/root")}, reverse=True):
            try:
                root = msgpack.decode(self.signed(f"manifest/root/{name}"))
                self.signed(f"manifest/root/{name}", by=root[1])
                if all(int(name) <= last for epoch, last in self.roots.items() if epoch > root[1]):
                    return root[3:5]
            except BROKEN as error:
                self.troubles.append(f"{error}; an older one is used")
        return {}, {}

    def _read_writer(self, epoch: int, writer: int) -> None:
        folder = f"journal/{epoch:06d}/{writer:06d}"
        found = [re.fullmatch(r"(\d+)(?:-(\d+)\.roll|\.seg)", n) for n in self.names(folder)]
        spans = [(int(m[1]), -int(m[2] or m[1]), f"{folder}/{m[0]}") for m in found if m]
        reached, lost = self.cut.get(epoch, {}).get(writer, 0), []
        for first, minus_last, name in sorted(spans):
            if -minus_last <= reached:
                continue
            lost += [(reached + 1, first - 1)] if first > reached + 1 else []
            reached = first - 1
            with suppress(*BROKEN):
                if msgpack.decode(self.signed(name, by=0))["seal"]:
                    break
            reached = -minus_last
            try:
                self.sources.append(self._read_source(name, epoch, writer, first, reached))
            except BROKEN:
                lost.append((first, reached))
        if reached < (end := self.ends.get(epoch, {}).get(writer, 0)):
            lost.append((reached + 1, end))
        self.troubles += [f"segments {a} to {b} of {folder} are lost" for a, b in lost]

    def _read_source(self, name: str, epoch: int, writer: int, first: int, last: int) -> Source:
        data = (self.folder / name).read_bytes()
        front, back = int.from_bytes(data[8:12], "big"), int.from_bytes(data[-12:-8], "big")
        for at, size in ((12, front), (max(len(data) - 44 - back, 0), back)):
            header, check = data[at : at + size], data[at + size : at + size + 32]
            proven = mac(self.journal_keys[epoch], b"STHJRNL1" + header) == check
            if proven and (fields := msgpack.decode(header))[:4] == [epoch, writer, first, last]:
                rows = [Row(*row) for row in struct.iter_unpack(">28sQQIIIII", fields[6])]
                return Source(data[44 + len(header) :], epoch, writer, rows)
        raise ValueError(f"{name} is broken")


class Shelf:
    """A shelf as far as the vault proves it; ``problems`` says why it does not."""

    def __init__(self, vault: Vault, account: bytes, kind: str) -> None:
        self.vault, self.owner = vault, account + kind.encode().ljust(12, b"\0")
        self.items, self.last, self.chain, self.problems = {}, 0, bytes(32), []
        self.account, self.kind, self.key = account, kind, b""
        for read in (self._read_levels, self._follow_chain):
            try:
                read()
            except BROKEN as error:
                self.problems.append(str(error) or "a sealed piece does not open")

    def _read_levels(self) -> None:
        self.key = self.vault.data_key(self.account)
        bucket = int.from_bytes(self.account[:4], "big") >> (32 - self.vault.bits)
        number, digest = self.vault.buckets.get(self.kind, {}).get(bucket, (0, b""))
        if number:  # else everything is in the journal
            name = f"manifest/{self.kind}/{bucket:04x}/{number:08d}"
            manifest = msgpack.decode(decompress(self.vault.signed(name, digest=digest)))
            for account, base, delta, _, _, problems in manifest[4]:
                if account == self.account:
                    self.problems += problems
                    for level in (base, delta) if delta else (base,):
                        self._lay_level(level, manifest[3])

    def _lay(self, item: Item) -> None:
        proven = item.body is not None and sha256(item.body).digest() == item.digest
        if item.state == PRESENT and not proven:
            item = item._replace(state=HELD, body=None)
        self.items[item.collection, item.href] = item

    def _lay_level(self, level: list, packs: list) -> None:
        self.last, self.chain, count, digest, place, spans = level
        beside = {}
        for span in spans:
            with suppress(*BROKEN):
                beside |= read_bodies(*msgpack.decode(self._open_chunk(packs, span, BODIES)))
        items = [beside[number] for number in range(count)] if len(beside) == count else []
        with suppress(*BROKEN):
            plain = self._open_chunk(packs, place, ROSTER)
            names, digests = msgpack.decode(plain)
            if sha256(decompress(names) + digests).digest() == digest:
                rows = enumerate(read_rows(names, digests))
                items = [row._replace(body=beside.get(n, row).body) for n, row in rows]
        if len(items) != count:
            raise ValueError(f"the roster up to position {self.last} and its other half are lost")
        for item in items:
            self._lay(item)

    def _open_chunk(self, packs: list, span: list, role: int) -> bytes:
        with open(self.vault.folder / packs[span[0]][0], "rb") as pack:
            pack.seek(span[1])
            head, nonce, data = pack.read(66), pack.read(12), pack.read(span[2] - 78)
        if head[:4] != b"CHNK" or head[5] != role or head[10:38] != self.owner:
            raise ValueError("a chunk is broken, or another one than its manifest says")
        return AESGCM(self.key).decrypt(nonce, data, b"STHPACK1" + head[4:58])

    def _open_part(self, source: Source, row: Row, which: bytes) -> bytes:
        about = b"STHJRNL1" + struct.pack(">III", source.epoch, source.writer, row.segment)
        about += self.owner + struct.pack(">QQ", row.first, row.last) + which
        sealed = source.parts[row.offset : row.offset + row.entries + row.bodies]
        sealed = sealed[row.entries :] if which == b"B" else sealed[: row.entries]
        return decompress(AESGCM(self.key).decrypt(sealed[:12], sealed[12:], about))

    def _follow_chain(self) -> None:
        waiting = defaultdict(list)
        for source in self.vault.sources:
            for row in source.rows:
                if row.owner == self.owner and row.last > self.last:
                    try:
                        plain = self._open_part(source, row, b"E")
                        before, entries = msgpack.decode(plain, type=tuple[bytes, list[Raw]])
                        waiting[before].append((source, row, entries))
                    except BROKEN:
                        self.problems.append(f"changes {row.first} to {row.last} do not open")
        key = mac(self.key, b"chain " + self.kind.encode() + b"\x01")
        while rivals := waiting.pop(self.chain, None):
            after = [reduce(lambda c, e: mac(key, c + bytes(e)), r[2], self.chain) for r in rivals]
            best = next((n for n, chain in enumerate(after) if chain in waiting), 0)
            self._apply(after[best], *rivals[best])
        beyond = [part for parts in waiting.values() for part in parts if part[1].first > self.last]
        self.problems += [f"changes after position {self.last} are missing"] * bool(beyond)
        for part in sorted(beyond, key=lambda part: part[1].first):
            self._apply(self.chain, *part)

    def _apply(self, chain: bytes, source: Source, row: Row, entries: list[Raw]) -> None:
        self.chain, self.last, bodies = chain, row.last, [None] * len(entries)
        with suppress(*BROKEN):
            bodies = msgpack.decode(self._open_part(source, row, b"B"))
        for entry, body in zip(map(msgpack.decode, entries), bodies, strict=True):
            seq, time, _, op, collection, href, *about = entry
            if op in (PRESENT, DELETED):
                self._lay(Item(collection, href, seq, op, *about, time, body))


def extract(item: Item, folder: Path) -> None:
    names = (item.collection or "collections", item.href)
    safe = (re.sub(r"[/\\%\x00-\x1f]|^\.", lambda c: f"%{ord(c[0]):02X}", name) for name in names)
    path = folder.joinpath(*safe)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(item.body)


def main(place: str, kit: str, command: str, who: str = "", kind: str = "", to: str = "") -> int:
    vault, seen = Vault(Path(place), Path(kit).read_text("utf-8")), []
    erased = {one["account"].hex(): one["at"] for one in vault.erased}
    for one, at in sorted(erased.items()) if command == "list" else ():
        print(one, "erased", datetime.fromtimestamp(at // 1000, UTC).isoformat(), sep="  ")
    keys = {path.name[:32] for path in vault.folder.glob("keys/??/[!.]*")}
    for account in map(bytes.fromhex, sorted(keys - erased.keys())):
        shelves = Shelf(vault, account, "account"), Shelf(vault, account, "contacts")
        profile = shelves[0].items.get(("credentials", "profile"))
        name = msgpack.decode(profile.body)["name"] if profile and profile.body else "?"
        wanted = kind if who in (name, account.hex()) else ""
        for shelf in (s for s in shelves if command == "list" or s.kind == wanted):
            states = [item.state for item in shelf.items.values()]
            counts = f"{states.count(PRESENT)} present, {states.count(HELD)} held"
            print(account.hex(), shelf.kind, name, counts, *shelf.problems, sep="  ")
            seen.append(not shelf.problems and HELD not in states)
            for item in shelf.items.values() if command != "list" else ():
                when = datetime.fromtimestamp(item.modified // 1000, UTC).isoformat()
                state = ("present", "deleted", "held   ")[item.state]
                print(" ", state, when, f"{item.size:9} {item.collection}/{item.href}", item.uid)
                if to and item.body is not None:
                    extract(item, Path(to))
    sys.stderr.writelines(f"{trouble}\n" for trouble in vault.troubles)
    return 2 if not seen and who else 0 if all(seen) and not vault.troubles else 1


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except BROKEN as error:
        sys.exit(print(f"error: {error}", file=sys.stderr) or 2)
