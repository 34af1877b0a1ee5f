"""Every benchmark, one after the other: `python -m benchmarks [--quick]`.

Each runs in a process of its own, so that the memory of one is not the memory of the next. `--quick` makes the data
small: it shows that everything runs, and its figures say nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

PARTS = (
    ("the library", ["benchmarks.library"], ["--runs", "3"]),
    ("reading FOCUS files", ["benchmarks.focus"], ["--rows", "100000"]),
    ("a steady-state cycle", ["benchmarks.cycle"], ["--circuits", "50", "100"]),
    ("judging a million series", ["benchmarks.judging"], ["--quick"]),
    ("how well it is judged", ["benchmarks.judge"], ["--seeds", "41", "--series", "60"]),
    ("a backtest", ["benchmarks.backtest"], ["--circuits", "20", "--days", "60"]),
    ("the daemon", ["benchmarks.daemon"], ["--seconds", "2"]),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    failed = 0
    for title, module, small in PARTS:
        print(f"\n== {title}", flush=True)
        command = [sys.executable, "-m", *module, *(small if quick else [])]
        failed += subprocess.run(command, check=False).returncode
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
