"""The lock that makes one daemon the only one on a state: flock on `<state>.lock`.

The kernel drops it when its holder dies, however it dies; the file stays and means nothing by itself. It is tied to
the state's real path, so that two symbolic links lead to one lock. No child that is started inherits it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cloudcircuit.errors import StateLocked, StoreError
from cloudcircuit.stores.files import naming, real_path, take

_LIMIT = 300


def lock_path(state: Path) -> Path:
    real = real_path(state)
    return real.with_name(f"{real.name}.lock")


class DaemonLock:
    """Held from construction until `release` or the end of the process. Raises StateLocked, OSError."""

    def __init__(self, state: Path, holder: str) -> None:
        self.path = lock_path(state)
        self._handle = self._open(state)
        # The text is a courtesy; the lock is held without it, on a full disk too.
        with suppress(OSError):
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, holder.encode("utf-8", "replace")[:_LIMIT], 0)

    def check(self) -> None:
        """Raise StoreError when the file was taken from under the lock: another daemon may hold a new one."""
        if not self._is_current(self._handle):
            raise StoreError(
                f"{self.path} was removed or replaced while this daemon held it, so another may run on the same "
                "state: stop this one, see that only one is left"
            )

    def release(self) -> None:
        os.close(self._handle)

    def _open(self, state: Path) -> int:
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not take(handle):
                who = _read(handle)
                os.close(handle)
                raise StateLocked(f"{state} is held by another daemon ({who}): stop it first, or use another state")
            if self._is_current(handle):
                return handle
            os.close(handle)  # somebody removed the file between opening and locking it

    def _is_current(self, handle: int) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(handle))
        except FileNotFoundError:
            return False


def lock_holder(path: Path) -> str | None:
    """Who holds the daemon's lock on a state, in the holder's words; None when no daemon is alive on it.

    Raises StoreError when that cannot be told.
    """
    file = lock_path(path)
    with naming(str(file)):
        try:
            handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return None if take(handle, shared=True, tries=1) else _read(handle)
        finally:
            os.close(handle)


def _read(handle: int) -> str:
    text = os.pread(handle, _LIMIT, 0).decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable()) or "it did not say who it is"
