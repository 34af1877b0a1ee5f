"""What a file is, from its first bytes: its format, and the names of its columns. And whether two are the same."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import BinaryIO

from cloudcircuit.errors import AdapterError
from cloudcircuit_focus.columns import Column, Format, Kind
from cloudcircuit_focus.files import Check, File

MAX_HEADER = 1 << 20
CHUNK = 1 << 20
PARQUET = b"PAR1"
PACKED = {
    b"PK": "a zip archive",
    b"(\xb5/\xfd": "packed with zstd",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
"""What some exports are packed or written in, by the first bytes; it has to be undone before."""


def detect_format(file: File, stream: BinaryIO) -> Format:
    """The format of a file, by what is in it and not by its name. Raises AdapterError for what cannot be read."""
    head = stream.read(8)
    if head.startswith(PARQUET):
        stream.seek(max(file.size - len(PARQUET), 0))
        if file.size < 2 * len(PARQUET) or stream.read(len(PARQUET)) != PARQUET:
            raise AdapterError(f"{file.name} is no whole Parquet file: still being written, or cut off")
        return Format.PARQUET
    if head.startswith(b"\x1f\x8b"):
        return Format.CSV_GZIP
    for magic, what in PACKED.items():
        if head.startswith(magic):
            raise AdapterError(f"{file.name} is {what}; CSV in UTF-8, gzipped CSV and Parquet are read", permanent=True)
    return Format.CSV


def read_header(file: File, form: Format, stream: BinaryIO) -> tuple[list[str], list[Column]]:
    """The names in the first line of a CSV file, and a text column for each."""
    stream.seek(0)
    try:
        head = (gzip.GzipFile(fileobj=stream) if form is Format.CSV_GZIP else stream).read(MAX_HEADER)
        text = head.decode("utf-8-sig", errors="surrogateescape")
        names = [name.strip() for name in next(csv.reader(io.StringIO(text, newline="")), [])]
        "".join(names).encode()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise AdapterError(f"{file.name} is no whole gzip file: still being written, or cut off") from error
    except (UnicodeEncodeError, csv.Error) as error:
        raise AdapterError(f"{file.name}: the first line is no CSV header in UTF-8", permanent=True) from error
    if "\0" in "".join(names):
        raise AdapterError(f"{file.name} is no text", permanent=True)
    return names, [Column(f"c{i}", Kind.TEXT) for i in range(len(names))]


def find_twins(files: Iterable[File], digest_of: Callable[[File], bytes]) -> list[tuple[File, File]]:
    """Pairs of files with the same bytes. Only files of the same size are read for it."""
    sizes: dict[int, list[File]] = defaultdict(list)
    for file in files:
        sizes[file.size].append(file)
    twins = []
    for same in sizes.values():
        seen: dict[bytes, File] = {}
        for file in same if len(same) > 1 else ():
            first = seen.setdefault(digest_of(file), file)
            if first is not file:
                twins.append((first, file))
    return twins


def digest(stream: BinaryIO, check: Check) -> bytes:
    """A hash of all that is left of a stream."""
    state = hashlib.blake2b(digest_size=16)
    while chunk := stream.read(CHUNK):
        check()
        state.update(chunk)
    return state.digest()
