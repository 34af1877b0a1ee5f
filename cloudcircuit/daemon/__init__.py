"""The daemon: it reads each source when it is due, delivers what is owed and publishes decisions until it is told to
leave.

Every run of a source has a thread of its own, so one that hangs holds up nobody. Delivering, publishing and looking
for people's acts are three plain threads beside them, and the main thread takes the signals and minds the clock.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from queue import SimpleQueue
from typing import TextIO

import structlog

from cloudcircuit.compose import Opened
from cloudcircuit.config import Config
from cloudcircuit.daemon.life import Daemon
from cloudcircuit.service.steady import SteadyClock

log = structlog.get_logger("cloudcircuit.daemon")


def run(opened: Opened, load: Callable[[], Config], clock: SteadyClock, stdout: TextIO) -> int:
    """Run until SIGTERM or SIGINT; SIGHUP reloads. Raises StateLocked when another daemon holds the state.

    For the main thread of a process: it takes over the signals, and ends the process itself when something hangs.
    """
    signals: SimpleQueue[int] = SimpleQueue()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A handler runs between any two instructions of this thread; this queue is made to be filled there.
        signal.signal(each, lambda number, _frame: signals.put(number))
    opened.store.acquire(f"process {os.getpid()} on {socket.gethostname()}, since {clock.now():%Y-%m-%d %H:%M:%S} UTC")
    daemon = Daemon(opened, load, clock, stdout)
    daemon.start()
    log.info("started", state=str(opened.config.daemon.state), sources=len(opened.config.sources))
    daemon.serve(signals)
    ended = daemon.leave(signals)
    log.info("left", everything_ended=ended)
    if ended:
        opened.close()
        return 0
    # Something hangs in a provider or a receiver. It has committed nothing, or it is owed and will be sent again; it
    # would keep the interpreter from ending, or be torn down in the middle of foreign code.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
