from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cloudcircuit.cli.app import run
from tests.cli.terminal import Terminal

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    """Commands, run in this process in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    yield Terminal(tmp_path, capsys)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's configuration and its state after October 2018; tests copy it."""
    folder = tmp_path_factory.mktemp("replayed")
    shutil.copy(ROOT / "config.example.toml", folder / "cloudcircuit.toml")
    shutil.copytree(ROOT / "examples", folder / "examples")
    here, out = Path.cwd(), sys.stdout
    os.chdir(folder)
    try:
        with (folder / "out.txt").open("w") as sys.stdout:
            assert run(["run", "--from", "2018-10-02", "--to", "2018-10-31"]) == 0
    finally:
        sys.stdout = out
        os.chdir(here)
    return folder


@pytest.fixture
def example(replayed: Path, terminal: Terminal) -> Terminal:
    """A terminal in a copy of the replayed example."""
    shutil.copytree(replayed, terminal.folder, dirs_exist_ok=True)
    return terminal
