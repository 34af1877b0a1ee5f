from __future__ import annotations

import io
import re

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import NotifyError
from cloudcircuit.notifiers import ConsoleNotifier
from cloudcircuit.notifiers.console import render
from tests.alerts.hostile import NASTY, deliveries_of
from tests.alerts.situations import NAMES, delivery


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_delivery_is_written_and_flushed() -> None:
    stream = io.StringIO()
    ConsoleNotifier("desk", stream).send(delivery("tripped"), Deadline(5))
    assert stream.getvalue() == render(delivery("tripped").envelope)
    assert ConsoleNotifier("desk", stream).check(Deadline(5)) == "desk: writes to a stream"


@pytest.mark.parametrize("name", NAMES)
def test_colour_is_for_terminals_and_changes_no_word(name: str) -> None:
    stream = Terminal()
    ConsoleNotifier("desk", stream).send(delivery(name), Deadline(5))
    text = stream.getvalue()
    assert "\x1b[" in text
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == render(delivery(name).envelope)


def test_a_stream_without_our_signs_gets_question_marks() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    ConsoleNotifier("desk", stream).send(delivery("tripped"), Deadline(5))
    assert raw.getvalue().startswith(b"? AWS Glue costs")


def test_a_stream_that_is_gone_is_a_dead_channel() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(NotifyError, match=r"desk: the stream cannot be written \(ValueError\)") as caught:
        ConsoleNotifier("desk", stream).send(delivery("tripped"), Deadline(5))
    assert caught.value.permanent


@pytest.mark.parametrize("name", NASTY, ids=[repr(name[:12]) for name in NASTY])
def test_hostile_names_move_no_cursor(name: str) -> None:
    for owed in deliveries_of(name):
        text = render(owed.envelope)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        text.encode("utf-8")
        assert len(text) < 20_000
        assert max(map(len, text.splitlines())) <= 640
