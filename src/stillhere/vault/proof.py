"""Whether an object is what its name says, for any object of a vault, as far as keys tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from stillhere.errors import Damaged, NotFound
from stillhere.vault.epochs import is_seal
from stillhere.vault.keys import is_kept_of, open_name
from stillhere.vault.layout import FORMAT, JOURNAL, SERVICE_KEYS
from stillhere.vault.opened import Vault, check_format
from stillhere.vault.packs import is_whole
from stillhere.vault.segments import open_bodies, open_entries, prove_frame, unpack_rows


class Proof:
    """Proves objects of one vault, whose epochs were read: called with name and bytes it returns
    the bytes, or raises Damaged.

    Of a segment or roll-up the parts of those accounts are proven whose keys are at hand."""

    def __init__(
        self,
        vault: Vault,
        names_key: bytes,
        journal_keys: Mapping[int, bytes],
        data_key: Callable[[bytes], bytes],
    ) -> None:
        """``data_key`` is that of an account; it raises NotFound where nobody here has it, and
        then a wrapped key is taken as it is."""
        self._vault = vault
        self._names_key = names_key
        self._journal_keys = journal_keys
        self._data_key = data_key

    def __call__(self, name: str, data: bytes) -> bytes:
        """The object, if it is what its name says. Raises Damaged."""
        try:
            self._prove(name, data)
        except (ValueError, KeyError):
            raise Damaged(f"{name} is nobody's") from None
        return data

    def _prove(self, name: str, data: bytes) -> None:
        kind, _, rest = name.partition("/")
        plain = name.removesuffix(".twin")
        if kind == "ledger":
            if not is_whole(data):
                raise Damaged(f"{name} is not as it was written")
        elif kind == "names":
            open_name(self._names_key, bytes.fromhex(rest.rpartition("/")[2]), data)
        elif kind == JOURNAL:
            if not is_seal(self._vault, name, data):
                self._prove_journal(self._journal_keys[int(rest.partition("/")[0])], data)
        elif plain == FORMAT:
            check_format(self._vault, name, data)
        elif kind == "keys" and name not in SERVICE_KEYS:
            self._prove_key(name, bytes.fromhex(plain.rpartition("/")[2]), data)
        else:
            self._vault.verifier.verify(name if name in SERVICE_KEYS else plain, data)

    def _prove_journal(self, journal_key: bytes, data: bytes) -> None:
        header, start = prove_frame(journal_key, data)
        view = memoryview(data)[start:]
        for row in unpack_rows(header.rows):
            with suppress(NotFound):  # erased, or not known here yet
                key = self._data_key(row.account)
                middle = row.offset + row.entries_length
                open_entries(key, header, row, view[row.offset : middle])
                open_bodies(key, header, row, view[middle : middle + row.bodies_length])

    def _prove_key(self, name: str, account: bytes, data: bytes) -> None:
        with suppress(NotFound):  # of an account whose making was cut short, or goes on
            if not is_kept_of(self._vault, account, self._data_key(account), data):
                raise Damaged(f"{name} was not kept of its account's key")
