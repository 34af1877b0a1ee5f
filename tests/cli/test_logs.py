from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from cloudcircuit.cli import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = handlers, level
    structlog.reset_defaults()


def fail() -> None:
    secret = "hunter2"
    try:
        raise KeyError(f"https://user:{secret}@example.com")
    except KeyError as error:
        raise ValueError(f"token={secret}") from error


def log_failure() -> None:
    try:
        fail()
    except ValueError:
        structlog.get_logger("x").exception("adapter broke", source="aws")


@pytest.mark.parametrize("style", ["json", "console"])
def test_an_exception_is_named_with_its_place_and_without_its_text(
    style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.for_daemon(style)
    log_failure()
    out, err = capsys.readouterr()
    assert out == ""
    assert "hunter2" not in err
    assert "ValueError at test_logs.py:" in err
    assert "after KeyError at test_logs.py:" in err
    assert len(err.strip().splitlines()) == 1


def test_json_lines_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.for_daemon("json")
    structlog.get_logger("x").info("cycle", source="aws", seconds=0.5)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["source"], line["level"]) == ("cycle", "aws", "info")
    assert line["timestamp"].endswith("Z")


def test_what_libraries_say_is_let_through_only_when_it_goes_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    logs.for_daemon("json")
    logging.getLogger("urllib3").warning("GET https://user:hunter2@example.com")
    logging.getLogger("apscheduler").error("something broke")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("something broke", "error")


def test_commands_are_quiet_and_debug_shows_all(capsys: pytest.CaptureFixture[str]) -> None:
    logs.for_commands(debug=False)
    log_failure()
    assert capsys.readouterr().err == ""
    logs.for_commands(debug=True)
    log_failure()
    assert "token=hunter2" in capsys.readouterr().err
