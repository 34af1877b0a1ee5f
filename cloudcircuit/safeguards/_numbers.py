"""What every check asks of its numbers."""

from collections.abc import Iterable, Sequence
from math import inf, isfinite, isnan

TYPE_CHECKING = False  # as in cloudcircuit/__init__.py
if TYPE_CHECKING:
    from typing import SupportsFloat


def all_finite(numbers: Iterable["SupportsFloat"]) -> bool:
    """Whether numbers of any type are finite, and would be as floats, too."""
    try:
        return all(map(isfinite, numbers))
    except (OverflowError, ValueError):  # an int beyond the range of a float; Decimal("sNaN")
        return False


def require_finite(**numbers: float) -> None:
    """Refuse the first argument that is NaN, infinite or beyond the range of a float."""
    if all_finite(numbers.values()):
        return
    for name, number in numbers.items():
        if not all_finite((number,)):
            raise ValueError(f"{name} must be finite, got {_describe(number)}")


def require_finite_series(spend_series: Sequence[float]) -> None:
    """Refuse the first such point of a series, by its position."""
    if not all_finite(spend_series):
        require_finite(**{f"spend_series[{index}]": number for index, number in enumerate(spend_series)})


def require_two_points(spend_series: Sequence[float]) -> None:
    if len(spend_series) < 2:
        raise ValueError("spend_series must contain at least 2 points")


def require_no_negatives(spend_series: Sequence[float]) -> None:
    if any(number < 0 for number in spend_series):
        raise ValueError("spend_series values must be >= 0")


def in_range(what: str, number: float) -> float:
    """Give back a computed number, unless finite arguments made it leave the range of a float."""
    if not all_finite((number,)):
        raise ValueError(f"{what} overflows: the numbers given are too large")
    return number


def mean(history: Sequence[float]) -> float:
    """The plain mean. The sum keeps the type of its points, so Decimal and int stay exact."""
    try:
        average = sum(history) / len(history)
    except OverflowError:  # a total of ints met a float
        average = inf
    return in_range("the mean of spend_series", average)


def _describe(number: float) -> str:
    """Name a number that is not finite; the digits of a huge one would fill the message."""
    try:
        if isnan(number) or abs(number) == inf:
            return str(number)
    except OverflowError:
        pass
    except ValueError:
        return "sNaN"
    return "a number beyond the range of a float"
