"""The example programs run as a reader would run them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(example: str, *arguments: str, source: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"library_{example}.py"), *arguments],
        input=source,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )


def test_the_list_of_examples_is_complete() -> None:
    names = {path.stem for path in (ROOT / "examples").glob("library_*.py")}
    assert names == {"library_batch_job", "library_ci_gate", "library_daily_report"}


def test_the_batch_job_slows_down_and_stops() -> None:
    answer = run("batch_job")
    assert answer.returncode == 0, answer.stderr
    assert "batch 8: throttle after $83.80" in answer.stdout
    assert answer.stdout.endswith("batch 10: block after $104.80 (Budget breached or circuit breaker open)\n")


@pytest.mark.parametrize(
    ("spend", "budget", "code", "action"),
    [
        ([210, 190, 205], 9000, 0, "allow"),
        ([210, 190, 205], 6000, 10, "throttle"),
        ([210, 190, 700], 9000, 10, "throttle"),
        ([210, 190, 205], 600, 20, "block"),
    ],
)
def test_the_gate_answers_with_its_exit_code(spend: list[int], budget: int, code: int, action: str) -> None:
    month = {"daily_spend": spend, "budget": budget, "days_in_month": 30}
    answer = run("ci_gate", "payments", "prod", source=json.dumps(month))
    assert answer.returncode == code, answer.stderr
    assert json.loads(answer.stdout)["action"] == action


@pytest.mark.parametrize(
    "source",
    ["", "{}", "[]", '{"daily_spend": [1, NaN], "budget": 9, "days_in_month": 30}', '{"daily_spend": []}'],
)
def test_the_gate_refuses_what_it_cannot_judge(source: str) -> None:
    answer = run("ci_gate", "payments", "prod", source=source)
    assert answer.returncode == 2
    assert answer.stderr.startswith("cannot judge: ")
    assert answer.stdout == ""


def test_the_report_is_one_json_line_for_each_service() -> None:
    answer = run("daily_report")
    assert answer.returncode == 0, answer.stderr
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(line["service"], line["action"]) for line in lines] == [
        ("checkout", "allow"),
        ("search", "throttle"),
        ("sandbox", "throttle"),
        ("archive", "allow"),
    ]
    assert lines[2]["budget"] is None
    assert lines[2]["burn_rate"]["burn_rate_ratio"] is None
    assert lines[3]["anomaly"] is None
