"""What is written in two places must say the same in both."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def adapter_folders() -> set[str]:
    return {path.name for path in (ROOT / "adapters").iterdir() if (path / "__init__.py").exists()}


def test_adapter_folders_are_the_packages_of_the_wheel() -> None:
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {Path(p).name for p in packages if p.startswith("adapters/")} == adapter_folders()


def test_adapter_folders_are_the_entry_points() -> None:
    declared = PROJECT["project"]["entry-points"]["cloudcircuit.adapters"]
    assert {value.split(":")[0] for value in declared.values()} == adapter_folders()
    installed = {ep.name: ep.value for ep in entry_points(group="cloudcircuit.adapters")}
    assert declared.items() <= installed.items()


def test_every_adapter_is_linted_as_one() -> None:
    linter = PROJECT["tool"]["importlinter"]
    assert set(linter["root_packages"]) == {"cloudcircuit", *adapter_folders()}
    forbidden = [c for c in linter["contracts"] if c["name"].startswith("adapters see")]
    assert set(forbidden[0]["source_modules"]) == adapter_folders()


def test_adapters_is_no_package() -> None:
    assert not (ROOT / "adapters" / "__init__.py").exists()


def test_readme_lists_exactly_the_adapters_that_exist() -> None:
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(table) == set(PROJECT["project"]["entry-points"]["cloudcircuit.adapters"])


def test_the_two_commands_of_readme_are_targets_of_make() -> None:
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    for target in ("run", "test"):
        assert f"make {target}" in readme
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_links_between_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text()):
            if not target.startswith(("http://", "https://")):
                assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_changelog_speaks_of_this_version() -> None:
    version = re.search(r'^__version__ = "(.+)"', (ROOT / "cloudcircuit/__init__.py").read_text(), re.MULTILINE)
    assert version
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_repository_speaks_of_the_product_alone() -> None:
    assert not re.search(r"/(home|root|work|tmp)/\w", (ROOT / "README.md").read_text())
