"""What there is to read: regular files on this machine, found below a file, a folder or a glob."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from cloudcircuit.errors import AdapterError

SUFFIXES = (".csv", ".csv.gz", ".parquet")

Check = Callable[[], None]
"""Raises AdapterError when the deadline has passed; called in every loop over files."""


@dataclass(frozen=True, slots=True)
class File:
    """One file as it was seen: any field that differs later means that it has changed.

    `url` is what the query engine opens, `name` what the operator reads; `modified` counts nanoseconds.
    """

    url: str
    name: str
    size: int
    modified: int
    inode: int = 0

    @property
    def folder(self) -> str:
        """The delivery that it is a part of."""
        return self.url.rpartition("/")[0]


class Place(Protocol):
    """Where files lie: this machine, or an object store."""

    def find(self, check: Check) -> list[File]: ...

    def open(self, file: File) -> BinaryIO: ...


def split_glob(path: str) -> tuple[str, str | None]:
    """The folder before the first name with a `*` or `?`, and the glob below it."""
    names = path.split("/")
    first = next((i for i, name in enumerate(names) if "*" in name or "?" in name), None)
    return (path, None) if first is None else ("/".join(names[:first]) or "/", "/".join(names[first:]))


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A glob over relative paths: `**/` is any folders, `*` and `?` stay within one name; a folder that fits brings
    all that lies below it."""
    parts = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    regex = "".join(parts.get(part) or re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", glob))
    return re.compile(f"{regex}(?:/.*)?", re.DOTALL)


def is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def is_wanted(relative: str, glob: re.Pattern[str] | None) -> bool:
    """Whether a file below a folder is a part of the dataset: by its suffix, and by the glob if there is one."""
    hidden = any(is_hidden(name) for name in relative.split("/"))
    return not hidden and relative.lower().endswith(SUFFIXES) and (glob is None or bool(glob.fullmatch(relative)))


def printable(text: str, limit: int = 200) -> str:
    """Text from outside on one line: no control characters, no endless names."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:limit])
    return clean if len(text) <= limit else f"{clean}…"


class LocalPlace:
    """A path on this machine. Links are followed as long as they stay inside of what was configured."""

    def __init__(self, path: str, root: Path) -> None:
        whole = str((root / path).absolute())
        self._root = root.absolute()
        self._path, glob = (whole, None) if os.path.lexists(whole) else split_glob(whole)
        self._glob = glob_pattern(glob) if glob else None

    def open(self, file: File) -> BinaryIO:
        return Path(file.url).open("rb")

    def find(self, check: Check) -> list[File]:
        """All files, by name. Raises AdapterError for what is missing, unreadable, or no regular file."""
        try:
            base = os.path.realpath(self._path, strict=True)
            if not os.path.isdir(base):  # noqa: PTH112 - paths stay text here: what the engine opens is text
                return [self._look(self._path, base)]
            return _each_once(self._below(base, check))
        except FileNotFoundError as error:
            raise self._missing(error) from error
        except OSError as error:
            message = f"{self._name(str(error.filename))} cannot be read: {error.strerror}"
            raise AdapterError(message, permanent=True) from error

    def _below(self, base: str, check: Check) -> Iterator[tuple[str, File]]:
        folders = [base]
        while folders:
            check()
            with os.scandir(folders.pop()) as entries:
                found = [entry for entry in entries if not is_hidden(entry.name)]
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif is_wanted(os.path.relpath(entry.path, base), self._glob):
                    yield entry.path, self._look(entry.path, self._inside(entry.path, base))
                elif self._glob is None and entry.is_dir():
                    self._inside(entry.path, base)  # what lies within is found by its own path

    def _inside(self, path: str, base: str) -> str:
        """Where a path really leads, if it stays below `base`."""
        real = os.path.realpath(path, strict=True)
        if os.path.commonpath([real, base]) != base:
            message = "is a link that leads out of the configured folder; configure its target as a path of its own"
            raise AdapterError(f"{self._name(path)} {message}", permanent=True)
        return real

    def _look(self, path: str, real: str) -> File:
        status = Path(real).stat()
        name = self._name(path)
        if not stat.S_ISREG(status.st_mode):
            raise AdapterError(f"{name} is not a regular file", permanent=True)
        if not real.isascii() and real.encode(errors="replace").decode() != real:
            raise AdapterError(f"{name}: the name of the file is not UTF-8; rename it", permanent=True)
        return File(real, name, status.st_size, status.st_mtime_ns, status.st_ino)

    def _missing(self, error: FileNotFoundError) -> AdapterError:
        if Path(self._path).exists():
            return AdapterError(f"{self._name(str(error.filename))} is gone, or a link that leads nowhere")
        return AdapterError(f"{self._name(self._path)}: there is no such file or folder", permanent=True)

    def _name(self, path: str) -> str:
        root = f"{self._root}/"
        return printable(path.removeprefix(root) if path != root else path)


def _each_once(found: Iterable[tuple[str, File]]) -> list[File]:
    """Each real file once: a link to a file that is found by itself adds nothing."""
    files: dict[str, File] = {}
    for path, file in found:
        if file.url not in files or file.url == path:
            files[file.url] = file
    return sorted(files.values(), key=lambda file: file.url)


def find_all(places: Iterable[Place], max_size: int, check: Check) -> dict[File, Place]:
    """The files of all places, each once. Raises AdapterError for none, for an empty one, for too many bytes."""
    found: dict[str, tuple[File, Place]] = {}
    for place in places:
        for file in place.find(check):
            found.setdefault(file.url, (file, place))
    files = dict(found.values())
    if not files:
        raise AdapterError(f"no file to read: none of the names ends with {', '.join(SUFFIXES)}")
    if empty := next((file for file in files if not file.size), None):
        raise AdapterError(
            f"{empty.name} is empty (0 bytes), without even a header: it is still being written, or broken"
        )
    total = sum(file.size for file in files)
    if total > max_size:
        raise AdapterError(
            f"{len(files)} files hold {total:,} bytes, more than max_size = {max_size:,}", permanent=True
        )
    return files
