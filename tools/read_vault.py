#!/usr/bin/env python3
"""Reads a vault with its recovery kit and nothing of Stillhere: the kit's last resort.

    python tools/read_vault.py VAULT KIT list | show ACCOUNT KIND | extract ACCOUNT KIND DIR
Written from docs/format.md, whose words it uses; it never writes to the vault.
ACCOUNT is an id or a name and KIND a kind (account, contacts, calendar, …), as ``list`` says.
Needs Python 3.11 or newer, cryptography, msgspec and zstandard.
Exit code: 0 when everything is proven and there, 1 when not, 2 for what can't be done.
"""

import hmac
import re
import struct
import sys
from base64 import b32decode
from collections import defaultdict, namedtuple
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial, reduce
from hashlib import sha256
from itertools import chain, groupby
from pathlib import Path

import zstandard
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Raw, msgpack

BROKEN = Exception  # damaged bytes lead to any; whatever does not prove itself is not there
PRESENT, DELETED, HELD = range(3)  # states; the operations put and delete have the same numbers
SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
decode, mac = msgpack.decode, partial(hmac.digest, digest="sha256")
decompress = partial(zstandard.ZstdDecompressor().decompress, max_output_size=512 << 20)
STATES, HEX = ("present", "deleted", "held   "), "[0-9a-f]"
escape = partial(re.sub, r"[/\\%\x00-\x1f]|^\.", lambda found: f"%{ord(found[0]):02X}")
Part = namedtuple("Part", "first last label entries bodies")
ITEM = "collection href seq state uid component type size digest modified body starts ends exact"
Item = namedtuple("Item", ITEM, defaults=[0, 0, 1])  # of a record without a time range


def unseal(key: bytes, sealed: bytes, label: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], label)


def read_kit(text: str) -> tuple[bytes, bytes, hpke.MLKEM768X25519PrivateKey]:
    said = dict(re.findall(r"^\s*(vault|key)\s*:\s*(.+?)\s*$", text.lower(), re.M))
    vault, key = bytes.fromhex(said.get("vault", "")), re.sub(r"[\s-]", "", said.get("key", ""))
    raw = b32decode(key + "=" * (-len(key) % 8), casefold=True)
    if raw[32:] != sha256(b"stillhere kit check" + vault + raw[:32]).digest()[:5]:
        raise ValueError("this is no recovery kit, or there is a mistake in it")
    key = mac(b"stillhere kit 1", raw[:32])
    root, dh, half = (mac(key, info + b"\x01") for info in (b"root", b"x25519", b"mlkem"))
    pair = mlkem.MLKEM768PrivateKey.from_seed_bytes(half + mac(key, half + b"mlkem\x02"))
    dh = x25519.X25519PrivateKey.from_private_bytes(dh)
    return vault, root, hpke.MLKEM768X25519PrivateKey(pair, dh)


def read_rows(names: bytes, digests: bytes) -> list[Item]:
    books, suffix, hrefs, seqs, states, uids, *about, sizes, times = (said := decode(names))[:10]
    books, *about = ([v for v, n in runs for _ in range(n)] for runs in (books, *about))
    hrefs = [href or uid + (suffix or "") for href, uid in zip(hrefs, uids, strict=True)]
    digests = [digest for (digest,) in struct.iter_unpack("32s", digests)]
    columns = books, hrefs, seqs, states, uids, *about, sizes, digests, times, [None] * len(hrefs)
    return [Item(*row) for row in zip(*columns, *said[10:13], strict=True)]


def digest_rows(rows: list[Item]) -> bytes:
    *columns, _, starts, ends, exact = zip(*rows, strict=True)
    books, hrefs, seqs, states, uids, *about, sizes, digests, times = columns
    runs = [[(v, len(list(run))) for v, run in groupby(column)] for column in (books, *about)]
    pairs = list(zip(hrefs, uids, strict=True))
    suffix = next((h[len(u) :] for h, u in pairs if u and h.startswith(u) and all(hrefs)), None)
    hrefs = ["" if suffix is not None and href == uid + suffix else href for href, uid in pairs]
    columns = runs[0], suffix, hrefs, seqs, bytes(states), uids, *runs[1:], sizes, times
    columns += (starts, ends, bytes(exact)) if {*starts, *ends} != {0} or 0 in exact else ()
    return sha256(msgpack.encode(columns) + b"".join(digests)).digest()


def read_bodies(plain: bytes) -> dict[int, Item]:
    first, count, names, digests, piece = decode(plain)[:5]
    others = struct.iter_unpack("32s", digests)
    found = zip(*decode(decompress(piece))[:2], strict=True)
    rows = read_rows(decompress(names), bytes(32 * count))
    for at, row in enumerate(rows):
        marked, body = next(found) if row.state == PRESENT else (0, None)
        body = body.replace(b"\0", row.uid.encode()) if marked else body
        digest = next(others)[0] if body is None else sha256(body).digest()
        rows[at] = row._replace(digest=digest, body=body)
    return dict(enumerate(rows, first))


class Vault:
    """A vault and its kit: epochs, what its manifests name, and the journal after their cut."""

    def __init__(self, folder: Path, kit: str) -> None:
        self.folder, (self.id, root, self.private) = folder, read_kit(kit)
        self.keys = {0: ed25519.Ed25519PrivateKey.from_private_bytes(root).public_key()}
        self.epochs, self.levels, self.parts, self.troubles = {}, {}, defaultdict(list), []
        formats = b"".join(path.read_bytes() for path in folder.glob("format.json*"))
        said = set(re.findall(rb'"(?:stillhere|vault)"\s*:\s*"?(\w+)', formats))
        if said and not said >= {b"1", self.id.hex().encode()}:
            raise ValueError(f"{folder} is not a vault of format 1 that belongs to this kit")
        begun = {int(path.parent.name) for path in folder.glob("epochs/[!.]*/epoch*")}
        for number in range(1, max(begun, default=1) + 1):
            self.epochs[number] = epoch = decode(self.signed(f"epochs/{number:06d}/epoch", by=0))
            self.keys[number] = ed25519.Ed25519PublicKey.from_public_bytes(epoch["signing"])
        self.erased = {one["account"]: one["at"] for one in epoch.get("erased", [])}
        for name in {path.stem for path in folder.glob(f"erasures/??/{HEX * 32}*")}:
            with suppress(BROKEN):
                one = decode(self.signed(f"erasures/{name[:2]}/{name}", by=number))
                self.erased[one["account"]] = one["at"]
        self.cut, buckets = self._read_root()
        for kind, numbers in buckets.items():
            self._read_manifests(kind, numbers)
        for epoch in range(min(self.cut, default=1), max(self.epochs) + 1):
            ends = self.epochs.get(epoch + 1, {}).get("ends", {})
            folders = {int(path.name) for path in folder.glob(f"journal/{epoch:06d}/[0-9]*")}
            for writer in sorted({*folders, *ends}):
                self._read_writer(epoch, writer, ends.get(writer))

    def signed(self, name: str, *, digest: bytes = b"", by: int | None = None) -> bytes:
        for path in sorted(self.folder.glob(f"{name}*")):
            with suppress(BROKEN):
                data = path.read_bytes()
                epoch, body, signature = decode(data[8:])[:3]
                statement = b"stillhere signed\0" + self.id + name.encode() + b"\0"
                self.keys[epoch].verify(signature, statement + body)
                if by in (None, epoch) and digest in (b"", sha256(data).digest()):
                    return body
        raise ValueError(f"{name} is missing or broken, and so is its twin if it has one")

    def data_key(self, account: bytes) -> bytes:
        for path in sorted(self.folder.glob(f"keys/??/{account.hex()}*")):
            with suppress(BROKEN):
                data = path.read_bytes()
                wrap, info = data[:8], b"stillhere wrapping key " + data[:8]
                key = SUITE.decrypt(self.signed(f"wraps/{wrap.hex()}"), self.private, info)
                return unseal(key, data[8:68], b"stillhere data key " + self.id + account + wrap)
        raise ValueError("neither copy of its key can be opened")

    def _read_root(self) -> tuple[dict, dict]:
        names = {path.stem for path in self.folder.glob("manifest/root/[0-9]*")}
        for name in sorted(names, reverse=True):
            try:
                signer = decode(self.signed(f"manifest/root/{name}"))[1]
                root = decode(self.signed(f"manifest/root/{name}", by=signer))
                if all(int(name) <= e["roots"] for n, e in self.epochs.items() if n > signer):
                    return root[3], root[4]
            except BROKEN as error:
                self.troubles.append(f"{error}; an older one is used")
        return {}, {}

    def _read_manifests(self, kind: str, buckets: dict) -> None:
        for bucket, (number, digest) in buckets.items():
            try:
                name = f"manifest/{kind}/{bucket:04x}/{number:08d}"
                manifest = decode(decompress(self.signed(name, digest=digest)))
                for account, base, delta, _, _, problems, *_ in manifest[4]:
                    self.levels[account, kind] = manifest[3], base, delta, problems
            except BROKEN as error:
                self.troubles.append(str(error))

    def _read_writer(self, epoch: int, writer: int, end: int | None) -> None:
        folder, whole = f"journal/{epoch:06d}/{writer:06d}", set()
        cut = reached = self.cut.get(epoch, {}).get(writer, 0)
        for path in sorted(self.folder.glob(f"{folder}/[0-9]*")):  # a roll-up before its segments
            first, last = int(path.stem[:12]), int(path.stem[-12:])
            if last > reached and (end is None or first <= end):
                with suppress(BROKEN):
                    self.signed(f"{folder}/{path.name}", by=0)
                    end = first - 1
                    break  # the seal
                reached = last
                with suppress(BROKEN):
                    self._read_segments(path, [epoch, writer, first, last])
                    whole |= {*range(first, last + 1)}
        lost = {*range(cut + 1, max(reached, end or 0) + 1)} - whole
        self.troubles += [f"segments {sorted(lost)} of {folder} are lost"] if lost else []

    def _read_segments(self, path: Path, numbers: list[int]) -> None:
        data, sealed = path.read_bytes(), self.epochs[numbers[0]]["journal_key"]
        key = SUITE.decrypt(sealed, self.private, b"stillhere journal key")
        front, back = int.from_bytes(data[8:12], "big"), int.from_bytes(data[-12:-8], "big")
        ends = (12, front), (len(data) - 44 - back, back)
        headers = ((data[at : at + size], data[at + size :][:32]) for at, size in ends)
        proven = (said for said, check in headers if mac(key, b"STHJRNL1" + said) == check)
        header = next(said for said in proven if decode(said)[:4] == numbers)
        for row in struct.iter_unpack(">28sQQIIIII", decode(header)[6]):
            owner, start, end, segment, offset, entries, bodies, _ = row
            label = struct.pack(">III28sQQ", *numbers[:2], segment, owner, start, end)
            at = 44 + len(header) + offset
            pieces = data[at : at + entries], data[at + entries : at + entries + bodies]
            self.parts[owner].append(Part(start, end, b"STHJRNL1" + label, *pieces))


class Shelf:
    """A shelf as far as the vault proves it; ``problems`` says why it does not."""

    def __init__(self, vault: Vault, account: bytes, kind: str) -> None:
        self.vault, self.owner = vault, account + kind.encode().ljust(12, b"\0")
        self.kind, self.items, self.last, self.chain = kind, {}, 0, bytes(32)
        packs, *levels, self.problems = vault.levels.get((account, kind), ([], []))
        try:
            self.key = vault.data_key(account)
            rows = (self._read_level(packs, *level[:6]) for level in levels if level)
            for item in chain(chain.from_iterable(rows), self._follow_chain()):
                proven = item.body is not None and sha256(item.body).digest() == item.digest
                held = {} if item.state != PRESENT or proven else {"state": HELD, "body": None}
                self.items[item.collection, item.href] = item._replace(**held)
        except BROKEN as error:
            self.problems.append(str(error) or "a sealed piece does not open")

    def _read_level(self, packs, last, chain, count, digest, roster, spans):
        self.last, self.chain, beside = last, chain, {}
        for span in spans:
            with suppress(BROKEN):
                beside |= read_bodies(self._open_chunk(packs, span, 2))
        rows = [beside[n] for n in range(count) if n in beside]
        with suppress(BROKEN):
            names, digests = decode(self._open_chunk(packs, roster, 1))[:2]
            if sha256(decompress(names) + digests).digest() == digest:
                rows = read_rows(decompress(names), digests)
        if len(rows) != count or (rows and digest_rows(rows) != digest):
            self.problems.append(f"the roster up to position {last} is lost, both halves of it")
            rows = []
        return (row._replace(body=beside.get(n, row).body) for n, row in enumerate(rows))

    def _open_chunk(self, packs: list, span: list, role: int) -> bytes:
        with open(self.vault.folder / packs[span[0]][0], "rb") as pack:
            pack.seek(span[1])
            head, sealed = pack.read(66), pack.read(span[2] - 66)
        label = b"STHPACK1" + bytes([1, role]) + head[6:10] + self.owner + head[38:58]
        return unseal(self.key, sealed, label)

    def _follow_chain(self):
        waiting = defaultdict(list)
        for part in (part for part in self.vault.parts[self.owner] if part.last > self.last):
            try:
                plain = decompress(unseal(self.key, part.entries, part.label + b"E"))
                before, entries = decode(plain, type=list[Raw])[:2]
                waiting[decode(before)].append((part, decode(entries, type=list[Raw])))
            except BROKEN:
                self.problems.append(f"changes {part.first} to {part.last} do not open")
        key, followed = mac(self.key, b"chain " + self.kind.encode() + b"\x01"), []
        while rivals := waiting.pop(self.chain, None):
            after = [reduce(lambda c, e: mac(key, c + bytes(e)), r[1], self.chain) for r in rivals]
            best = next((n for n, chain in enumerate(after) if chain in waiting), 0)
            self.chain, self.last = after[best], rivals[best][0].last
            followed.append(rivals[best])
        beyond = [each for parts in waiting.values() for each in parts if each[0].first > self.last]
        self.problems += [f"changes after position {self.last} are missing"] * bool(beyond)
        for part, entries in followed + sorted(beyond, key=lambda each: each[0].first):
            bodies = [None] * len(entries)
            with suppress(BROKEN):
                bodies = decode(decompress(unseal(self.key, part.bodies, part.label + b"B")))
            for entry, body in zip(map(decode, entries), bodies, strict=True):
                seq, modified, _, op, collection, href, *about = entry[:11]
                if op in (PRESENT, DELETED):
                    yield Item(collection, href, seq, op, *about, modified, body, *entry[11:14])


def main(place: str, kit: str, command: str, who: str = "", kind: str = "", to: str = "") -> int:
    vault, whole = Vault(Path(place), Path(kit).read_text("utf-8")), []
    for account, at in sorted(vault.erased.items()) if command == "list" else ():
        print(account.hex(), "erased", datetime.fromtimestamp(at // 1000, UTC), sep="  ")
    accounts = {bytes.fromhex(path.stem) for path in vault.folder.glob(f"keys/??/{HEX * 32}*")}
    known = {(o[:16], o[16:].rstrip(b"\0").decode()) for o in vault.parts} | vault.levels.keys()
    accounts |= {account for account, _ in known}
    for account in sorted(accounts - vault.erased.keys()):
        kinds = dict.fromkeys(("account", "contacts", *sorted(k for a, k in known if a == account)))
        shelves = [Shelf(vault, account, each) for each in kinds]
        gone = ["nothing of it is there"] * (any(s.last for s in shelves) or bool(vault.troubles))
        profile = shelves[0].items.get(("credentials", "profile"))
        name = decode(profile.body)["name"] if profile and profile.body else "?"
        wanted = kind if who in (name, account.hex()) else ""
        for shelf in (s for s in shelves if command == "list" or s.kind == wanted):
            states = [item.state for item in shelf.items.values()]
            shelf.problems += gone * (not shelf.last and not shelf.problems)
            counts = f"{states.count(PRESENT)} present, {states.count(HELD)} held"
            print(account.hex(), shelf.kind, name, counts, *shelf.problems, sep="  ")
            whole.append(not shelf.problems and HELD not in states)
            for item in shelf.items.values() if command != "list" else ():
                names = escape(item.collection or "collections"), escape(item.href)
                when = datetime.fromtimestamp(item.modified // 1000, UTC)
                print(" ", STATES[item.state], when, item.size, "/".join(names), item.uid)
                if to and item.body is not None:
                    path = Path(to, *names)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("xb") as file:
                        file.write(item.body)
    sys.stderr.writelines(f"{trouble}\n" for trouble in vault.troubles)
    if command != "list" and not whole:
        raise ValueError(f"there is no account {who} that has a shelf {kind}")
    return 0 if all(whole) and not vault.troubles else 1


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except BROKEN as error:
        sys.exit(print(f"error: {error}\n\n{__doc__}", file=sys.stderr) or 2)
