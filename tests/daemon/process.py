"""A real daemon in a process of its own, as systemd would run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cloudcircuit.stores import read_published
from cloudcircuit.stores.published import Published
from tests.daemon.fake import Script, flat_days, install

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date()

CONFIG = """\
[daemon]
log = "json"

{sources}
[notifiers.console]
type = "console"

[monitors.services]
per = ["service"]
currency = "USD"
budget = {{ amount = {budget} }}
mode = "enforce"
anomaly = {{ method = "spike" }}
"""

SOURCE = """\
[sources.{name}]
adapter = "scripted"
script = "{name}.json"
every = "{every}"
timeout = "{timeout}"
"""


@dataclass
class Place:
    """A folder with a configuration, scripted sources, and the adapter on its path."""

    folder: Path
    scripts: dict[str, Script] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "cloudcircuit.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state" / "cloudcircuit.db"

    def write(
        self, *names: str, budget: str = "1000000", every: str = "6h", timeout: str = "5m", more: str = ""
    ) -> None:
        """Write the configuration of these sources; a new one has twenty flat days of EC2."""
        sources = "\n".join(SOURCE.format(name=name, every=every, timeout=timeout) for name in names)
        self.config.write_text(CONFIG.format(sources=sources, budget=budget) + more)
        for name in names:
            if name not in self.scripts:
                self.scripts[name] = Script(self.folder / f"{name}.json")
                self.scripts[name].say(days=flat_days(YESTERDAY, 20, {"EC2": "100"}))

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.folder / "site"), "NO_COLOR": "1"}

    def command(self, *arguments: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end in a process of its own."""
        line = [sys.executable, "-m", "cloudcircuit", *arguments]
        return subprocess.run(
            line, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def published(self) -> Published:
        return read_published(self.folder / "state" / "cloudcircuit.decisions.json")

    def served(self, circuit: str) -> str | None:
        """The action that is published for a circuit; None while there is none."""
        found = self.published().decisions.get(circuit)
        return found.action.value if found else None

    @contextmanager
    def daemon(self) -> Iterator[Daemon]:
        """A running daemon; killed at the end if it is still there."""
        log, out = self.folder / "daemon.log", self.folder / "daemon.out"
        with log.open("w") as stderr, out.open("w") as stdout:
            process = subprocess.Popen(
                [sys.executable, "-m", "cloudcircuit", "run"],
                cwd=self.folder,
                env=self.env,
                stdout=stdout,
                stderr=stderr,
            )
            try:
                yield Daemon(process, log, out)
            finally:
                process.kill()
                process.wait()


@dataclass
class Daemon:
    """One running daemon and what it says."""

    process: subprocess.Popen[bytes]
    log: Path
    out: Path

    def said(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Its log lines of an event with these fields."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event and fields.items() <= line.items()]

    def wait_for(self, event: str, *, count: int = 1, seconds: float = 15.0, **fields: Any) -> dict[str, Any]:
        """The line of the event that comes to be there."""
        wait_until(lambda: len(self.said(event, **fields)) >= count, seconds, lambda: self.log.read_text())
        return self.said(event, **fields)[count - 1]

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends_within(self, seconds: float) -> int:
        """Its exit code, once it has left by itself."""
        return self.process.wait(seconds)


def wait_until(holds: Callable[[], object], seconds: float, otherwise: Callable[[], str] = lambda: "") -> float:
    """Wait for something to hold, and give how long that took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s\n{otherwise()}"
        time.sleep(0.02)
    return time.monotonic() - begun


def make_place(folder: Path) -> Place:
    install(folder / "site")
    return Place(folder)
