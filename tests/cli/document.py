"""docs/commands.md and its examples: `python -m tests.cli.document` writes their output anew."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = ROOT / "docs" / "commands.md"
_EXAMPLE = re.compile(r"```console\n\$ cloudcircuit (.*)\n((?:.*\n)*?)```\n")


def examples(text: str) -> list[tuple[str, str]]:
    """Each command of the document, in order, and what it is said to print."""
    return [(match[1], match[2]) for match in _EXAMPLE.finditer(text)]


def prepare(folder: Path) -> None:
    """What the examples begin with: the shipped configuration and bill, replayed to the end of October."""
    shutil.copy(ROOT / "config.example.toml", folder / "cloudcircuit.toml")
    shutil.copytree(ROOT / "examples", folder / "examples")
    answer(folder, "run --from 2018-10-02 --to 2018-10-31")


def answer(folder: Path, command: str) -> str:
    """What a command prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "cloudcircuit", *shlex.split(command)],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    return printed(done.stdout, done.stderr, done.returncode)


def printed(out: str, err: str, code: int) -> str:
    """As the document has it: no spaces at the ends of lines, no lines of progress, a code other than 0 said."""
    progress = re.compile(r"^\d{4}-\d\d-\d\d  \d+/\d+  .*$")
    lines = [line.rstrip() for line in (out + err).splitlines() if not progress.match(line)]
    return "".join(f"{line}\n" for line in [*lines, *([f"(exit code {code})"] if code else [])])


def _rewrite() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)

        def replace(match: re.Match[str]) -> str:
            return f"```console\n$ cloudcircuit {match[1]}\n{answer(folder, match[1])}```\n"

        DOCUMENT.write_text(_EXAMPLE.sub(replace, DOCUMENT.read_text()))


if __name__ == "__main__":
    _rewrite()
