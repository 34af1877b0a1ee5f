"""The benchmark runs, and both of its sides find the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmark_on_a_small_dataset(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.focus", "--rows", "20000", "--runs", "1", "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ratio") == 3
