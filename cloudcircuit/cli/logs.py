"""Log lines: on stderr, for people or as JSON; set up once for a process."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import structlog

_FRAMES = 8
_CAUSES = 4


def for_commands(debug: bool) -> None:
    """What a command logs on its way is for debugging; what matters it prints itself."""
    _set_up("console", logging.DEBUG if debug else logging.CRITICAL)


def for_daemon(style: str) -> None:
    """`style` is `console` or `json`. One line for each cycle and each delivery, and for all that goes wrong."""
    _set_up(style, logging.INFO)


def _set_up(style: str, level: int) -> None:
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_exceptions if level > logging.DEBUG else structlog.processors.format_exc_info,
    ]
    colours = sys.stderr.isatty()
    last: Any = structlog.dev.ConsoleRenderer(colors=colours)
    if style == "json":
        last = structlog.processors.JSONRenderer(default=str)
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # What libraries log may hold addresses and keys (HTTP clients do): only what goes wrong is let through.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=last, foreign_pre_chain=shared))
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)


def _name_exceptions(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say which exception it was and where, and nothing of its text or of variables: they may hold a secret."""
    found = event.pop("exc_info", None)
    error = found if isinstance(found, BaseException) else found[1] if isinstance(found, tuple) else sys.exc_info()[1]
    if found and error is not None:
        event["raised"] = "; after ".join(_places(error))
    return event


def _places(error: BaseException | None) -> Iterator[str]:
    for _ in range(_CAUSES):
        if error is None:
            return
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        places = (f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
        yield f"{type(error).__name__} at {' < '.join(places)}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
