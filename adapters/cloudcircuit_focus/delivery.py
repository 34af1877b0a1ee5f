"""Which deliveries count: of the folders that hold the same account and period, the newest, whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudcircuit_focus.files import File


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one folder brings of one billing account and period: `rows` with a date, the oldest and the newest.

    `newest` looks no further than now. Without rival folders, folder and period are None.
    """

    folder: str | None
    account: str | None
    period: datetime | None
    rows: int
    oldest: datetime | None
    newest: datetime | None

    @property
    def key(self) -> tuple[str, str | None, datetime | None]:
        return self.folder or "", self.account, self.period


def folder_ages(files: Iterable[File]) -> dict[str, tuple[int, str]]:
    """How new each folder is: by its newest file, then by its name."""
    ages: dict[str, tuple[int, str]] = {}
    for file in files:
        ages[file.folder] = max(ages.get(file.folder, (0, "")), (file.modified, file.folder))
    return ages


def find_replaced(parcels: Sequence[Parcel], ages: dict[str, tuple[int, str]]) -> set[Parcel]:
    """The parcels that a newer folder replaces.

    Rows that belong to no period go with their folder: once all else in it is replaced, they are too.
    """
    rivals: dict[tuple[str | None, datetime | None], list[Parcel]] = defaultdict(list)
    for parcel in parcels:
        rivals[parcel.account, parcel.period].append(parcel)
    replaced: set[Parcel] = set()
    for same in rivals.values():
        winner = max(same, key=lambda parcel: ages[parcel.folder or ""])
        replaced.update(parcel for parcel in same if parcel is not winner and parcel.period is not None)
    living = {parcel.folder for parcel in parcels if parcel.period is not None and parcel not in replaced}
    dead = {parcel.folder for parcel in replaced} - living
    return replaced | {parcel for parcel in parcels if parcel.folder in dead}
