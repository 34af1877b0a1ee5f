"""Replays the example bill on the state beside its configuration, and says when it begins. Killed at any moment."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from cloudcircuit import plugins
from cloudcircuit.clock import FixedClock
from cloudcircuit.compose import open_house
from cloudcircuit.config import load
from cloudcircuit.service.replay import replay

START, END = datetime(2018, 10, 8, tzinfo=UTC), datetime(2018, 11, 6, tzinfo=UTC)


def main(folder: Path) -> None:
    config = load(folder / "cloudcircuit.toml", plugins.load)
    clock = FixedClock(START)
    with (folder / "messages.txt").open("a", encoding="utf-8") as messages:
        opened = open_house(config, stdout=messages, clock=clock)
        opened.store.acquire("the child")
        print("ready", flush=True)
        replay(opened.house, opened.outbox, clock, START, END)
        opened.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
