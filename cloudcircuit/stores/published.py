"""Decisions for readers in other processes: one JSON file, replaced at once, that carries its own checksum.

Standard library only: the guard inside an application and the web process read with `read_published`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from cloudcircuit.errors import StateDamaged, StateNewer, StoreError
from cloudcircuit.model import Decision
from cloudcircuit.stores import codec
from cloudcircuit.stores.files import clear_scratch, naming, read_regular, real_path, write_whole
from cloudcircuit.stores.seal import seal

FORMAT = 1
"""Grows when an older reader would misunderstand; new fields do not make it grow."""

_MODE = 0o640
"""Owner writes, group reads: the applications that ask are put in the daemon's group. Spend and the names of
owners are nobody else's business."""

_HEAD = b'{"checksum":"%s",'
_HEAD_LENGTH = len(_HEAD % (b"0" * 32))


@dataclass(frozen=True, slots=True)
class Published:
    """What was published last. `at` is judgement time; `sequence` grows by one with each publication of an epoch."""

    decisions: Mapping[str, Decision]
    at: datetime
    sequence: int
    epoch: str


class FilePublisher:
    """Publishes to one file; its only writer is the daemon. `epoch` says which state the decisions come from."""

    def __init__(self, path: Path, epoch: str = "") -> None:
        """Raises StoreError when the folder cannot be created or read."""
        self.epoch = epoch
        with naming(str(path)):
            self.path = real_path(path)
            self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            clear_scratch(self.path)
        self._turn = Lock()
        self._sequence = _last_sequence(self.path, epoch)

    def publish(self, decisions: Sequence[Decision], at: datetime) -> None:
        """Replace what is published. Raises StoreError; what was there then stays."""
        with self._turn:
            data = _render(decisions, at, self._sequence + 1, self.epoch)
            with naming(str(self.path)):
                write_whole(self.path, data, _MODE)
            self._sequence += 1


def read_published(path: Path) -> Published:
    """What is published in a file, by circuit.

    Raises StoreError when there is no such file or it cannot be read, StateDamaged when it is not whole, StateNewer
    when it says what this version would misunderstand. Fields and reasons of newer versions are passed over.
    """
    with naming(str(path)):
        data = read_regular(path)
    document = _open_document(data, str(path))
    try:
        decisions = document["decisions"].items()
        at = codec.read_instant(document["published_at"])
        sequence, epoch = int(document["sequence"]), str(document["epoch"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise StateDamaged(f"{path} is not a publication of decisions: {error!r}") from error
    known = {name: codec.unpack(Decision, plain, f"{path}: {name!r}", lenient=True) for name, plain in decisions}
    return Published(known, at, sequence, epoch)


def _render(decisions: Sequence[Decision], at: datetime, sequence: int, epoch: str) -> bytes:
    """One JSON document, whose first member is the checksum over all the bytes behind it."""
    try:
        rest = codec.dumps(
            {
                "format": FORMAT,
                "epoch": epoch,
                "sequence": sequence,
                "published_at": codec.instant_text(at),
                "decisions": {decision.circuit: codec.pack(decision) for decision in decisions},
            }
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"decisions cannot be published: {error}") from error
    body = rest[1:].encode("ascii") + b"\n"
    return _HEAD % seal("published", body).encode("ascii") + body


def _open_document(data: bytes, where: str) -> dict[str, Any]:
    head, body = data[:_HEAD_LENGTH], data[_HEAD_LENGTH:]
    if head != _HEAD % seal("published", body).encode("ascii"):
        raise StateDamaged(f"{where} is not whole: it does not carry its checksum; the daemon will write it anew")
    try:
        document = codec.loads(b"{" + body)
    except ValueError as error:
        raise StateDamaged(f"{where} is not readable: {error}") from error
    found = document.get("format") if isinstance(document, dict) else None
    if not isinstance(found, int):
        raise StateDamaged(f"{where} is not a publication of decisions")
    if found > FORMAT:
        raise StateNewer(f"{where} has format {found}, and this version knows {FORMAT}: update this program")
    return dict(document)


def _last_sequence(path: Path, epoch: str) -> int:
    """Where to go on; what cannot be read will be replaced, and is counted from the start."""
    try:
        last = read_published(path)
    except StoreError:
        return 0
    return last.sequence if last.epoch == epoch else 0
