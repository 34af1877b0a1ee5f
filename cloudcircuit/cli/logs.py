"""Log lines: on stderr, for people or as JSON; set up once for a process."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def for_commands(debug: bool) -> None:
    """What a command logs on its way is for debugging; what matters it prints itself."""
    _set_up("console", logging.DEBUG if debug else logging.CRITICAL)


def for_daemon(style: str) -> None:
    """`style` is `console` or `json`. One line for each cycle and each delivery, and for all that goes wrong."""
    _set_up(style, logging.INFO)


def _set_up(style: str, level: int) -> None:
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = _for_machines() if style == "json" else _for_people()
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # What libraries log may hold addresses and keys (HTTP clients do): only what goes wrong is let through, and of
    # the scheduler what it says about its own jobs is ours already.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=last, foreign_pre_chain=shared))
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)


def _for_machines() -> list[Any]:
    return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(default=str)]


def _for_people() -> list[Any]:
    colours = sys.stderr.isatty()
    return [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)]
