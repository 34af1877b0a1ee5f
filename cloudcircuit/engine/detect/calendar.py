"""Where periods stand in their day, week and month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

DAY = np.timedelta64(1, "D")
HOURS = 24
MOST_SLOTS = 288
"""Parts of a day that get a place of their own in its profile; finer steps share them."""

WEEK = 7


@dataclass(frozen=True, slots=True)
class Calendar:
    """Periods of one length; all arrays are (T,).

    per_day   periods a day; 1 for days and anything longer
    number    the periods' place in time, in steps since 1970
    slots     (T, k) rows of the profile that a period adds up; k = 1 for days (weekday), 2 below (hour, hour of week)
    """

    per_day: int
    number: Ints
    slots: Ints

    @classmethod
    def of(cls, starts: NDArray[np.datetime64], step: np.timedelta64 | None = None) -> Calendar:
        starts = np.asarray(starts)
        step = step_of(starts) if step is None else step
        seconds = max(1, int(step / np.timedelta64(1, "s")))
        day = starts.astype("datetime64[D]")
        weekday = (day.astype(np.int64) + 3) % WEEK  # 1970 began on a Thursday; Monday is 0
        since = starts.astype("datetime64[s]").astype(np.int64)
        per_day = max(1, round(86_400 / seconds))
        if per_day > 1:
            parts = day_slots(per_day)
            within = since % 86_400
            slots = np.stack([within * parts // 86_400, parts + weekday * HOURS + within * HOURS // 86_400], axis=1)
        else:
            slots = (weekday if seconds <= 86_400 else np.zeros_like(weekday))[:, None]
        return cls(per_day, since // seconds, slots)


def day_slots(per_day: int) -> int:
    return min(per_day, MOST_SLOTS)


def profile_size(per_day: int) -> int:
    """Rows of the profile: a week of days; below a day its parts and the hours of a week."""
    return day_slots(per_day) + HOURS * WEEK if per_day > 1 else WEEK


def step_of(starts: NDArray[np.datetime64]) -> np.timedelta64:
    """The usual distance of two starts; a day where there is none."""
    if len(starts) < 2:
        return DAY
    return np.timedelta64(int(np.median(np.diff(starts.astype("datetime64[s]")).astype(np.int64))), "s")


def month_place(days: Ints) -> tuple[Ints, Ints, Ints]:
    """Of days since 1970: the month since 1970, the day of the month from 0, the days left until its last."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[D]").astype(np.int64)
    return months.astype(np.int64), days - first, after - 1 - days
