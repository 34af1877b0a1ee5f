"""Files that are there whole or not at all, and locks that die with their holder.

Functions raise OSError; `naming` makes a StoreError of it. Standard library only, as `codec`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from threading import Event

from cloudcircuit.errors import StoreError

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; remount it, or use another place",
    errno.EACCES: "permission denied; see who owns the file and its folder",
    errno.EPERM: "permission denied; see who owns the file and its folder",
    errno.EEXIST: "something else is there already",
    errno.ENOENT: "it, or its folder, does not exist",
    errno.ENOTDIR: "a part of the path is not a folder",
    errno.EISDIR: "it is a folder; name a file",
    errno.EMFILE: "this process has too many files open; raise its limit (ulimit -n)",
    errno.ENFILE: "the machine has too many files open",
    errno.EIO: "the disk reported an error; look at the kernel's log",
    errno.ELOOP: "its symbolic links go in a circle",
    errno.ENAMETOOLONG: "its name is too long",
}
_PAUSE = 0.05
_TRIES = 30  # a second and a half: a daemon that is just leaving is waited for, and refusal takes less than two


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Make what the system refuses a StoreError that names the file and says what to do."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0) or error.strerror or str(error)
        raise StoreError(f"{where}: {advice}") from error


def real_path(path: Path) -> Path:
    """Absolute, with symbolic links resolved as far as they go; a circle of links is left as it is."""
    return Path(os.path.realpath(path))


def sync_folder(folder: Path) -> None:
    """Make names in a folder survive a power cut: the rename itself, not only the file's content."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put(source: Path, target: Path) -> None:
    """Move a finished file into place, durably. Both are in one folder."""
    source.replace(target)
    sync_folder(target.parent)


def scratch_prefix(target: Path) -> str:
    """How the names of a target's unfinished files begin; what a kill -9 left behind is found by it."""
    return f".{target.name}.new-"


def write_whole(target: Path, data: bytes, mode: int) -> None:
    """Replace a file at once: a reader sees the old content or the new, whatever happens."""
    handle, name = mkstemp(prefix=scratch_prefix(target), dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        put(Path(name), target)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def clear_scratch(target: Path) -> None:
    """Remove what unfinished writes of this target left behind."""
    for leftover in target.parent.iterdir():
        if leftover.name.startswith(scratch_prefix(target)):
            leftover.unlink(missing_ok=True)


def read_regular(path: Path) -> bytes:
    """A regular file's content. A FIFO or a device is refused rather than waited for."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(None, "is not a regular file", str(path))
        return file.read()


def take(handle: int, *, shared: bool = False, tries: int = _TRIES) -> bool:
    """flock a handle within the tries, or say that somebody else has it."""
    operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    for attempt in range(tries):
        try:
            fcntl.flock(handle, operation)
        except BlockingIOError:
            if attempt + 1 < tries:
                Event().wait(_PAUSE)
        else:
            return True
    return False


@contextmanager
def folder_to_itself(folder: Path) -> Iterator[None]:
    """Let one process at a time create something in a folder; nothing is left behind when it dies."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not take(handle, tries=10 * _TRIES):
            raise OSError(None, "another process has been creating a state here for too long", str(folder))
        yield
    finally:
        os.close(handle)
