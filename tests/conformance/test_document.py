"""What stands in docs/writing-an-adapter.md works as it stands there: packaged, installed, tested, used."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conformance import document
from tests.conformance.document import Project
from tests.conformance.test_kit import TESTS


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return document.install(tmp_path_factory.mktemp("jsonfile"))


def test_every_block_of_code_is_a_file_that_is_tried() -> None:
    text = document.DOCUMENT.read_text()
    blocks = re.findall(r"^```\w+\n", text, re.MULTILINE)
    assert sorted(document.files()) == [
        "cloudcircuit.toml",
        "cloudcircuit_jsonfile/__init__.py",
        "cloudcircuit_jsonfile/http.py",
        "pyproject.toml",
        "test_jsonfile.py",
    ]
    assert len(blocks) == len(document.files())


def test_a_whole_adapter_has_forty_lines() -> None:
    lines = document.files()["cloudcircuit_jsonfile/__init__.py"].splitlines()
    assert len([line for line in lines if line.strip()]) <= 40
    assert max(map(len, lines)) <= 120


def test_the_package_is_found_by_its_entry_point(project: Project) -> None:
    code = "from cloudcircuit import plugins; print(plugins.load('jsonfile').options.__module__, *plugins.names())"
    done = project.python("-c", code)
    assert done.stdout.split()[0] == "cloudcircuit_jsonfile", done.stderr
    assert {"focus", "jsonfile"} <= set(done.stdout.split()[1:])


def test_it_passes_the_contract(project: Project) -> None:
    done = project.python("-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "test_jsonfile.py")
    assert done.returncode == 0, done.stdout
    passed, skipped = counted(done.stdout)
    assert passed + skipped == len(TESTS), done.stdout
    assert passed > 40, done.stdout


def test_its_twin_behind_http_passes_the_contract(project: Project) -> None:
    shutil.copy(Path(__file__).parent / "http_contract.py", project.folder)
    done = project.python("-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "http_contract.py")
    assert done.returncode == 0, done.stdout
    passed, skipped = counted(done.stdout)
    assert passed + skipped == len(TESTS) + 5, done.stdout
    assert passed > 55, done.stdout


def test_a_wrong_one_does_not_pass(project: Project, tmp_path: Path) -> None:
    right = document.files()["cloudcircuit_jsonfile/__init__.py"]
    wrong = right.replace("NAMES, query,", "NAMES, replace(query, where=()),")
    assert wrong != right
    wrong = f"from dataclasses import replace\n{wrong}"
    (tmp_path / "cloudcircuit_jsonfile.py").write_text(wrong)
    done = project.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_jsonfile.py", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "test_a_filter_is_never_ignored" in done.stdout
    assert "differ from what was loaded" in done.stdout


def test_a_configuration_that_names_it_runs(project: Project) -> None:
    today = datetime.now(UTC).date()
    rows = [
        {"date": str(today - timedelta(days=n)), "service": name, "amount": 12.5, "currency": "USD"}
        for n in range(1, 31)
        for name in ("Compute", "Storage")
    ]
    (project.folder / "spend.json").write_text(json.dumps(rows))
    ran = project.python("-m", "cloudcircuit", "run", "--once")
    assert ran.returncode == 0, ran.stderr
    status = project.python("-m", "cloudcircuit", "status", "--json")
    assert status.returncode == 0, status.stderr
    assert "services/Compute" in status.stdout
    assert "services/Storage" in status.stdout


def test_check_and_plan_speak_of_it(project: Project) -> None:
    (project.folder / "spend.json").write_text('[{"date": "2026-11-18", "amount": 1, "currency": "USD"}]')
    checked = project.python("-m", "cloudcircuit", "check", "--live")
    assert checked.returncode == 0, checked.stderr
    assert "in USD" in checked.stdout
    planned = project.python("-m", "cloudcircuit", "plan")
    assert planned.returncode == 0, planned.stderr
    assert "the whole file" in planned.stdout


def counted(output: str) -> tuple[int, int]:
    """How many tests passed, and how many were skipped."""
    found = {word: int(count) for count, word in re.findall(r"(\d+) (passed|skipped)", output)}
    return found.get("passed", 0), found.get("skipped", 0)
