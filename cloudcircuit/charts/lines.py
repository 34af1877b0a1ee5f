"""Paths along points, broken where nothing is known, and thinned where the eye would not see more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TypeVar

from cloudcircuit.charts.svg import figure

T = TypeVar("T")

Spot = tuple[float, float]
"""A place in the picture."""

_LONE = 1.5  # half the width that the band of a lone point gets, for without one it would be invisible

MOST = 400
"""Points of a series that are drawn: more than one for a pixel of a small chart."""


def line(spots: Sequence[Spot | None]) -> str:
    """The path through the places; None breaks it, and a place between two breaks is a dot."""
    return "".join(_trace(run) + ("h0" if len(run) == 1 else "") for run in runs(spots))


def within(spots: Sequence[Spot | None], top: float, bottom: float) -> list[Spot | None]:
    """The same line, cut off where it leaves the plot above or below."""
    found: list[Spot | None] = []
    for spot, after in zip_longest(spots, spots[1:]):
        found.append(spot if spot is not None and top <= spot[1] <= bottom else None)
        if spot is not None and after is not None:
            found.extend(_crossing(spot, after, top, bottom))
    return found


def _crossing(spot: Spot, after: Spot, top: float, bottom: float) -> list[Spot | None]:
    """Where a line enters or leaves, with the gap outside; nothing where both ends lie on the same side."""
    (x, y), (x_after, y_after) = spot, after
    is_in, is_in_after = top <= y <= bottom, top <= y_after <= bottom
    if is_in == is_in_after:
        return []
    edge = top if min(y, y_after) < top else bottom
    at = (x + (edge - y) / (y_after - y) * (x_after - x), edge)
    return [at, None] if is_in else [None, at]


def area(low: Sequence[Spot | None], high: Sequence[Spot | None]) -> str:
    """The path around what lies between two lines; it is broken where either is."""
    both = [None if one is None or other is None else (one, other) for one, other in zip(low, high, strict=True)]
    return "".join(_around(run) for run in runs(both))


def _around(run: list[tuple[Spot, Spot]]) -> str:
    if len(run) == 1:
        ((x, bottom), (_, top)) = run[0]
        run = [((x + by, bottom), (x + by, top)) for by in (-_LONE, _LONE)]
    return _trace([*(low for low, _ in run), *(high for _, high in reversed(run))]) + "z"


def _trace(run: Iterable[Spot]) -> str:
    return "M" + " ".join(f"{figure(x)},{figure(y)}" for x, y in run)


def runs(items: Iterable[T | None]) -> Iterator[list[T]]:
    """What stands together between two gaps."""
    run: list[T] = []
    for item in items:
        if item is not None:
            run.append(item)
        elif run:
            yield run
            run = []
    if run:
        yield run


def thin(values: Sequence[float | None], keep: Iterable[int] = (), most: int = MOST) -> list[int]:
    """The places of at most about `most` values that look like all of them: of each stretch the least, the largest and
    a gap if there is one; the first, the last and those to `keep` stay anyway.
    """
    if len(values) <= most:
        return list(range(len(values)))
    length = -(-len(values) * 2 // most)
    chosen = {0, len(values) - 1, *keep}
    for start in range(0, len(values), length):
        chosen.update(_telling(values, range(start, min(start + length, len(values)))))
    return sorted(chosen)


def _telling(values: Sequence[float | None], stretch: range) -> Iterator[int]:
    known = [(value, place) for place in stretch if (value := values[place]) is not None]
    if known:
        yield min(known)[1]
        yield max(known)[1]
    yield from [place for place in stretch if values[place] is None][:1]
