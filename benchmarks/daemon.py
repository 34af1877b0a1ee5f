"""The daemon at rest: how long until it has decided, and what it holds and burns while it waits.

    python -m benchmarks.daemon [--seconds 20]

It runs config.example.toml on a state of its own. Beside the time until the first decisions are published stands the
time that a bare interpreter needs to import the libraries that the daemon stands on: the ratio is what counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = "import apscheduler.schedulers.background, sqlalchemy, alembic, duckdb, pyarrow, numpy, pydantic, requests"
TICKS = os.sysconf("SC_CLK_TCK")


def lay_out(folder: Path) -> Path:
    shutil.copytree(ROOT / "examples", folder / "examples")
    config = folder / "config.toml"
    shutil.copy(ROOT / "config.example.toml", config)
    return config


def rss_mib(pid: int) -> float:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(fields["VmRSS"].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def import_seconds() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.perf_counter() - started


def until_published(folder: Path, process: subprocess.Popen[bytes]) -> float:
    started = time.perf_counter()
    while not list(folder.rglob("*.decisions.json")):
        if process.poll() is not None or time.perf_counter() - started > 60:
            raise SystemExit("the daemon did not decide anything within a minute")
        time.sleep(0.01)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = lay_out(folder)
        imports = import_seconds()
        command = [sys.executable, "-m", "cloudcircuit", "run", "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                ready = until_published(folder, process)
                time.sleep(3)
                before = cpu_seconds(process.pid)
                time.sleep(seconds)
                burnt = (cpu_seconds(process.pid) - before) / seconds
                memory = rss_mib(process.pid)
            finally:
                asked = time.perf_counter()
                process.send_signal(signal.SIGTERM)
                process.wait(15)
        stopped = time.perf_counter() - asked
    ratio = ready / imports
    print(f"first decisions after {ready:.2f} s; importing its libraries takes {imports:.2f} s (x {ratio:.1f})")
    print(f"idle: {memory:.0f} MiB resident, {burnt:.1%} of one core; SIGTERM to exit {stopped:.2f} s")


if __name__ == "__main__":
    main()
