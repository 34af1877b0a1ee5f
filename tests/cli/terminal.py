"""Running commands in this process, as `cloudcircuit` would."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloudcircuit.cli.app import run


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Terminal:
    """A folder, and commands that run in it."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Answer:
        self.capsys.readouterr()
        code = run(list(arguments))
        out, err = self.capsys.readouterr()
        return Answer(code, out, err)

    def ok(self, *arguments: str) -> Answer:
        """Run what is to end well."""
        answer = self.run(*arguments)
        assert answer.code == 0, answer.err
        return answer
