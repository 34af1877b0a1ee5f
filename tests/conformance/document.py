"""The files that stand in docs/writing-an-adapter.md, and commands in an environment that has them installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = ROOT / "docs" / "writing-an-adapter.md"
_BLOCK = re.compile(r"^```\w+\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files() -> dict[str, str]:
    """Each block of the document that begins with the name of a file."""
    return dict(_BLOCK.findall(DOCUMENT.read_text()))


@dataclass(frozen=True)
class Project:
    """A third party's package as the document has it, installed at `site`; tests and configuration lie in `folder`."""

    folder: Path
    site: Path

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run our Python with the package on its path, in `folder`, where the package itself is not."""
        known = {**os.environ, "PYTHONPATH": str(self.site), "NO_COLOR": "1", **environment}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=known, capture_output=True, text=True, timeout=110, check=False
        )


def install(folder: Path) -> Project:
    """Write the files and install the package with pip, without a network."""
    project, package = Project(folder / "work", folder / "site"), folder / "package"
    for name, text in files().items():
        is_packaged = "/" in name or name == "pyproject.toml"
        file = (package if is_packaged else project.folder) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    done = project.python("-m", "pip", "install", *options, "--target", str(project.site), str(package), PYTHONPATH="")
    assert done.returncode == 0, done.stderr
    return project
