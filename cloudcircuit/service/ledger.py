"""What a source said, and when: written as changes, read back as the word on each charge day.

A `Word` is what is known of each charge day: a table with the columns of a SpendReport, text dictionary-encoded, no
two rows with the same key (all columns but the amounts). Days may differ in their columns, for the dimensions that
are asked for change with the configuration.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from cloudcircuit.errors import StateDamaged
from cloudcircuit.model import Grain, Statement, column_of
from cloudcircuit.service.cells import (
    AMOUNT,
    COSTS,
    FIXED,
    STAMP,
    START,
    TEXT,
    Ints,
    combine,
    dictionary,
    last_rows,
    numbers,
)

Word = Mapping[date, Any]

_META = b"cloudcircuit"
_CHECKSUM_BYTES = 4


@dataclass(frozen=True, slots=True)
class Said:
    """One statement, read: the cells it changed, and whether it is the whole day or a change to what was said."""

    cells: Any
    base: bool


def write(source: str, grain: Grain, day: date, said_at: datetime, said: Said) -> Statement:
    """A statement whose body is an Arrow IPC stream, with a checksum behind its end."""
    names = said.cells.column_names
    dimensions = [name for name in names if name not in FIXED and name not in COSTS]
    note = json.dumps({"base": said.base, "dimensions": dimensions})
    table = said.cells.combine_chunks().replace_schema_metadata({_META: note})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=_codec())) as stream:
        stream.write_table(table)
    body = sink.getvalue().to_pybytes()
    return Statement(source, grain, day, said_at, table.num_rows, body + _checksum(body))


def read(statement: Statement) -> Said:
    """The content of a statement. Raises StateDamaged when it is not what was written."""
    body, checksum = statement.body[:-_CHECKSUM_BYTES], statement.body[-_CHECKSUM_BYTES:]
    if _checksum(body) != checksum:
        raise _damaged(statement)
    with _reading(statement):
        table = pa.ipc.open_stream(body).read_all()
        return Said(table.replace_schema_metadata(None), _says_base(table.schema))


def _is_base(statement: Statement) -> bool:
    """Whether a statement says its day whole; its cells are not read."""
    with _reading(statement):
        return _says_base(pa.ipc.open_stream(statement.body).schema)


def _says_base(schema: Any) -> bool:
    return bool(json.loads(schema.metadata[_META])["base"])


@contextmanager
def _reading(statement: Statement) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(statement) from error


def recall(statements: Iterable[Statement]) -> Word:
    """The word on each day: the newest cell of each key since the day was last said whole.

    A change whose base has been pruned says nothing by itself: its day is unknown until it is said again. Raises
    StateDamaged.
    """
    return dict(Memory(statements))


class Memory(Word):
    """What `recall` gives, each day read when it is asked for: never is all of it held beside what is said anew.

    Raises StateDamaged, as `recall` does, also when a day is asked for.
    """

    def __init__(self, statements: Iterable[Statement]) -> None:
        by_day = _by_day(statements)
        self._said = {day: by_day[day] for day in sorted(by_day) if any(map(_is_base, by_day[day]))}

    def __getitem__(self, day: date) -> Any:
        return _recall_day(self._said[day])

    def __iter__(self) -> Iterator[date]:
        return iter(self._said)

    def __len__(self) -> int:
        return len(self._said)


def image(statements: Iterable[Statement], dimensions: Sequence[str] | None = None) -> Any:
    """One table of all that is known: `join(recall(statements), dimensions)`."""
    return join(recall(statements), dimensions)


def join(word: Mapping[date, Any], dimensions: Sequence[str] | None = None) -> Any:
    """The days of a word as one table of the given dimensions (by default those of its newest day).

    The newest day also says which cost columns there are. A day that lacks one of all these columns cannot answer:
    it is left out, and so it is unknown, which is not zero.
    """
    names = _names(word, dimensions)
    able = [word[day].select(names) for day in able_days(word, dimensions)]
    return pa.concat_tables([_schema(names).empty_table(), *able]).unify_dictionaries()


def able_days(word: Mapping[date, Any], dimensions: Sequence[str] | None = None) -> list[date]:
    """The days that `join` takes, in order."""
    names = set(_names(word, dimensions))
    return [day for day in sorted(word) if names <= set(word[day].column_names)]


def _names(word: Mapping[date, Any], dimensions: Sequence[str] | None) -> list[str]:
    newest = word[max(word)].column_names if word else [*FIXED, *COSTS]
    asked = newest if dimensions is None else [*map(column_of, dimensions), *(name for name in newest if name in COSTS)]
    return list(dict.fromkeys([*FIXED, *asked]))


def lay_over(tables: Sequence[Any]) -> Any:
    """Tables with the same columns, oldest word first, as one in which the newest row of each key stands."""
    table = pa.concat_tables(tables).unify_dictionaries()
    return table.take(pa.array(np.sort(last_rows(*row_keys(table)))))


def row_keys(table: Any) -> tuple[Ints, int]:
    """One number for each row, equal where everything but the amounts is; and how many there are."""
    names = [name for name in table.column_names if name not in COSTS]
    return combine([numbers(dictionary(table[name])) for name in names], table.num_rows)


def _by_day(statements: Iterable[Statement]) -> dict[date, list[Statement]]:
    """Oldest word first."""
    found: dict[date, list[Statement]] = {}
    for statement in sorted(statements, key=lambda statement: statement.said_at):
        found.setdefault(statement.day, []).append(statement)
    return found


def _recall_day(statements: Sequence[Statement]) -> Any:
    """From the newest statement back to the last that said the day whole, which is there."""
    parts: list[Any] = []
    for statement in reversed(statements):
        said = read(statement)
        if parts and said.cells.schema != parts[-1].schema:
            raise _damaged(statement)
        parts.append(said.cells)
        if said.base:
            break
    return parts[0] if len(parts) == 1 else lay_over(parts[::-1])


def _schema(names: Sequence[str]) -> Any:
    return pa.schema([(name, STAMP if name == START else AMOUNT if name in COSTS else TEXT) for name in names])


def _codec() -> str | None:
    return next((name for name in ("zstd", "lz4") if pa.Codec.is_available(name)), None)


def _checksum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big")


def _damaged(statement: Statement) -> StateDamaged:
    return StateDamaged(
        f"the ledger of source {statement.source} is damaged: what it said of {statement.day} at "
        f"{statement.said_at.isoformat()} cannot be read; restore a backup of the state"
    )
