"""The library against the published 0.3.8: how long an import takes, and how many calls fit into a second.

    python benchmarks/library.py [--runs 15]

Imports run in fresh interpreters that see nothing but the standard library, the two versions in turn, so that a
busy machine slows both alike. Both are compiled beforehand. The ratio is that of the medians, below 1 is faster.
"""

import argparse
import compileall
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = ROOT / "tests" / "library" / "published_0_3_8.py"
sys.path.insert(0, str(ROOT))

from cloudcircuit import safeguards  # noqa: E402 - from this checkout, installed or not

NAMES = [name for name in safeguards.__all__ if name != "Severity"]
STATEMENTS = ["import cloudcircuit", "from cloudcircuit import check_budget", "from cloudcircuit import *"]
PROBE = "import sys, time; sys.path.insert(0, {path!r}); t = time.perf_counter(); {do}; print(time.perf_counter() - t)"
SERIES = [100.0 + day % 7 for day in range(90)]


def lay_out(folder: Path) -> tuple[Path, Path]:
    """Put each version into a folder of its own, as an installation would."""
    published, current = folder / "published", folder / "current"
    package = published / "cloudcircuit"
    package.mkdir(parents=True)
    shutil.copy(PUBLISHED, package / "safeguards.py")
    exports = f"from cloudcircuit.safeguards import {', '.join(NAMES)}\n__all__ = {NAMES!r}\n"
    (package / "__init__.py").write_text(exports, encoding="utf-8")
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "cloudcircuit", current / "cloudcircuit", ignore=skip)
    compileall.compile_dir(folder, quiet=2)
    return published, current


def seconds_to(statement: str, path: Path) -> float:
    code = PROBE.format(path=str(path), do=statement)
    answer = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True)
    return float(answer.stdout)


def compare_imports(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        published, current = lay_out(Path(folder))
        for statement in STATEMENTS:
            pairs = [(seconds_to(statement, published), seconds_to(statement, current)) for _ in range(runs)]
            before, now = (median(column) * 1e3 for column in zip(*pairs, strict=True))
            print(f"{statement:40} 0.3.8 {before:6.2f} ms   now {now:6.2f} ms   ratio {now / before:.2f}")


def load_published() -> ModuleType:
    spec = importlib.util.spec_from_file_location("published_0_3_8", PUBLISHED)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def calls(library: ModuleType) -> dict[str, Callable[[], object]]:
    budget = library.check_budget(920.0, 1000.0)
    anomaly = library.check_anomaly_spike(SERIES)
    breaker = library.evaluate_circuit_breaker(0)
    policy = library.evaluate_spend_policy(budget, anomaly, breaker)
    return {
        "check_budget": lambda: library.check_budget(920.0, 1000.0),
        "check_anomaly_spike, 90 points": lambda: library.check_anomaly_spike(SERIES),
        "check_anomaly_robust, mad, 90 points": lambda: library.check_anomaly_robust(SERIES),
        "check_anomaly_robust, percentile": lambda: library.check_anomaly_robust(SERIES, method="percentile"),
        "check_burn_rate, 90 points": lambda: library.check_burn_rate(SERIES),
        "forecast_budget_breach": lambda: library.forecast_budget_breach(400.0, 1000.0, 10, 30),
        "evaluate_circuit_breaker": lambda: library.evaluate_circuit_breaker(1),
        "evaluate_spend_policy": lambda: library.evaluate_spend_policy(budget, anomaly, breaker),
        "make_alert_payload": lambda: library.make_alert_payload(policy, "billing", "prod"),
    }


def per_second(call: Callable[[], object], repeats: int = 2000) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return repeats / (time.perf_counter() - start)


def compare_calls(runs: int) -> None:
    published, current = calls(load_published()), calls(safeguards)
    for name, call in current.items():
        pairs = [(per_second(published[name]), per_second(call)) for _ in range(runs)]
        before, now = (median(column) for column in zip(*pairs, strict=True))
        print(f"{name:40} 0.3.8 {before:9,.0f}/s   now {now:9,.0f}/s   ratio {now / before:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    compare_imports(runs)
    compare_calls(max(3, runs // 5))


if __name__ == "__main__":
    main()
