"""The picture of README is what the shipped configuration makes of the example bill."""

from __future__ import annotations

import re

import pytest

from tests.charts.picture import CIRCUIT, PICTURE, drawn
from tests.charts.reading import classed, parse, said

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def test_the_stored_picture_is_the_one_that_is_drawn() -> None:
    """Word for word; coordinates to a quarter of a pixel, for other machines may round the last digit otherwise."""
    stored, fresh = PICTURE.read_text(encoding="utf-8"), drawn()
    assert _NUMBER.sub("#", stored) == _NUMBER.sub("#", fresh), "draw it anew: python -m tests.charts.picture"
    numbers = [[float(number) for number in _NUMBER.findall(text)] for text in (stored, fresh)]
    assert numbers[0] == pytest.approx(numbers[1], abs=0.25), "draw it anew: python -m tests.charts.picture"


def test_the_stored_picture_shows_the_anomaly_and_is_small() -> None:
    root = parse(PICTURE.read_text(encoding="utf-8"))
    assert PICTURE.stat().st_size < 60_000
    assert any(CIRCUIT in words for words in said(root))
    assert any("$105.71" in words for words in said(root))
    for name in ("band", "limit", "value", "mark triangle", "mark square", "full"):
        assert classed(root, name), name
