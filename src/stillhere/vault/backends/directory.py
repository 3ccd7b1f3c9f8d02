"""A vault in a directory: a file per object, made durable before it gets its name."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stillhere.durable import rename_new, sync_folder
from stillhere.errors import Damaged
from stillhere.vault.backends import BackendError, Exists, Missing
from stillhere.vault.layout import FORMAT, twin

_NO_UNNAMED = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT, errno.EXDEV)
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)  # a file system without them
_NO_RENAMES = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # or without such that replace nothing


class Directory:
    """Objects as files below one directory.

    A new object is written to a file without a name, synced, and linked to its name; the
    directory is synced after it, and so is each parent that had to be made.
    Where the file system has no such files, it gets a name that listings leave out, and is
    linked or renamed to its own. Where that can't be done either, the name is taken with O_EXCL
    and an object whose writing was cut short is refused by its reader (every object carries its
    own proof).
    """

    def __init__(self, root: Path, *, create: bool = False) -> None:
        """``create`` lets a vault begin here; else nothing is ever made in a place that is
        not one, such as the empty folder that an unmounted disk leaves behind."""
        self.root = root
        self._create = create
        self.place = str(root)
        self._known: set[Path] = set()

    def create(self, name: str, data: bytes) -> None:
        """Keep an object durably. Raises Exists, BackendError."""
        path = self.root / name
        with _as_backend_error("write", path):
            folder = path.parent
            if folder not in self._known:
                self._make_folder(folder)
            try:
                self._link(folder, path, data)
            except FileNotFoundError:
                self._known.discard(folder)
                self._make_folder(folder)
                self._link(folder, path, data)

    def read(self, name: str) -> bytes:
        """A whole object. Raises Missing, BackendError."""
        path = f"{self.place}/{name}"
        with (
            _as_backend_error("read", path, self._check_there),
            open(path, "rb", buffering=0) as file,
        ):
            return file.readall()

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """``length`` bytes of an object from ``offset``, fewer at its end."""
        path = f"{self.place}/{name}"
        with _as_backend_error("read", path, self._check_there):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.pread(descriptor, length, offset)
            finally:
                os.close(descriptor)

    def size(self, name: str) -> int:
        """How many bytes an object has. Raises Missing, BackendError."""
        path = self.root / name
        with _as_backend_error("read", path, self._check_there):
            return path.stat().st_size

    def names(self, folder: str) -> list[str]:
        """The names right below a folder, objects and folders, sorted; [] where it is none."""
        path = self.root / folder
        with _as_backend_error("list", path), suppress(FileNotFoundError):
            return sorted(name for name in os.listdir(path) if not name.startswith("."))
        self._check_there()
        return []

    def delete(self, name: str, *, durable: bool = False) -> None:
        """Remove an object; one that is not there is no error. A ``durable`` removal is not
        undone by a power cut."""
        path = self.root / name
        with _as_backend_error("delete", path):
            try:
                path.unlink()
            except FileNotFoundError:
                self._check_there()
            if durable:
                with suppress(FileNotFoundError):
                    sync_folder(path.parent)

    def prove(self) -> None:
        """The kernel sees to it; that this file system is one of those, init has tried."""

    def names_only_whole(self) -> bool:
        """Whether an object gets its name when it is whole, and not before. Raises BackendError.

        Tried with a file that listings leave out; the place must be there."""
        with _as_backend_error("write", self.root):
            directory = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            tried = self.root / f".{secrets.token_hex(8)}"
            named = tried.with_suffix(".named")
            try:
                tried.touch(mode=0o600)
                _give_name(directory, self.root, tried.name, named.name)
            except OSError as error:
                if error.errno not in _NO_RENAMES:
                    raise
                return False
            finally:
                os.close(directory)
                for path in (tried, named):
                    path.unlink(missing_ok=True)
        return True

    def _check_there(self) -> None:
        """Nothing is known of what is missing while the vault itself is not there."""
        copies = (self.root / FORMAT, self.root / twin(FORMAT))
        if not self._create and not any(path.exists() for path in copies):
            raise BackendError(
                f"the vault is not in {self.root}",
                safe="what was acknowledged before is in the vault",
                hint="is its disk mounted?",
            )

    def _link(self, folder: Path, path: Path, data: bytes) -> None:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                _link_unnamed(directory, folder, path.name, data)
            except OSError as error:
                if error.errno not in _NO_UNNAMED:
                    raise
                _link_named(directory, folder, path.name, data)
        except FileExistsError:
            os.fsync(directory)  # whoever made it may not have come as far
            raise
        else:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and its parents durable, those that are there included: whoever made
        them may not have come as far."""
        self._check_there()
        unsure = []
        for path in (folder, *folder.parents):
            below = path != self.root and path.is_relative_to(self.root)
            if (path in self._known or not below) and path.is_dir():
                break
            unsure.append(path)
        for path in reversed(unsure):
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
            sync_folder(path.parent)
            self._known.add(path)


def _link_unnamed(directory: int, folder: Path, name: str, data: bytes) -> None:
    """Write a file that has no name, sync it, then give it one."""
    descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        _write(descriptor, data)
        # naming a directory makes this linkat with AT_SYMLINK_FOLLOW, as /proc needs
        os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=directory, dst_dir_fd=directory)
    finally:
        os.close(descriptor)


def _link_named(directory: int, folder: Path, name: str, data: bytes) -> None:
    """The same where files without a name can't be had, by a name that listings leave out."""
    temporary = folder / f".{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            _write(descriptor, data)
        finally:
            os.close(descriptor)
        _give_name(directory, folder, temporary.name, name)
    except OSError as error:
        if error.errno not in _NO_RENAMES:
            raise
        _create_exclusively(folder / name, data)
    finally:
        temporary.unlink(missing_ok=True)


def _give_name(directory: int, folder: Path, temporary: str, name: str) -> None:
    try:
        os.link(folder / temporary, name, dst_dir_fd=directory)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        rename_new(directory, temporary, name)


def _create_exclusively(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _write(descriptor, data)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


@contextmanager
def _as_backend_error(
    verb: str, path: Path | str, check_there: Callable[[], None] | None = None
) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise Exists(str(path)) from None
    except FileNotFoundError:
        if check_there is not None and not Path(path).name.startswith(FORMAT):
            check_there()
        raise Missing(str(path)) from None
    except OSError as error:
        if error.errno == errno.EIO and verb == "read":
            raise Damaged(f"{path} lies on a bad place of its disk") from error
        raise BackendError(
            f"the vault can't {verb} {path}: {error.strerror or error}",
            safe="what was acknowledged before is in the vault",
            hint="look at the vault's disk: is it there, writable, and not full?",
        ) from error
