"""Faults that stay: the fakes of the clouds queue them, one for each request."""

from __future__ import annotations

from typing import Any, SupportsIndex


class Always(list[Any]):
    """A queue whose first entry no request uses up."""

    def pop(self, _place: SupportsIndex = -1) -> Any:
        return self[0]
