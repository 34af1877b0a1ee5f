"""Adapters are found by their entry points; not installed and broken are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudcircuit import plugins
from cloudcircuit.errors import ConfigError

GOOD = """
from cloudcircuit.ports import AdapterPlugin

plugin = AdapterPlugin("sunny", dict, print)
"""


def install(folder: Path, package: str, adapter: str, target: str, module: str, extras: tuple[str, ...] = ()) -> None:
    """A package as pip leaves it: a module, and a folder of metadata."""
    metadata = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {package}", "Version: 1.0", *(f"Provides-Extra: {it}" for it in extras)]
    (metadata / "METADATA").write_text("\n".join(lines) + "\n")
    (metadata / "entry_points.txt").write_text(f"[cloudcircuit.adapters]\n{adapter} = {target}\n")
    (folder / f"{target.partition(':')[0]}.py").write_text(module)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def told(name: str) -> str:
    with pytest.raises(ConfigError) as caught:
        plugins.load(name)
    (problem,) = caught.value.problems
    assert problem.path == ""
    return problem.message


def test_our_own_adapter_takes_the_same_road() -> None:
    assert "focus" in plugins.names()


def test_a_third_partys_adapter_is_found(site: Path) -> None:
    install(site, "cc-sunny", "sunny", "cc_sunny:plugin", GOOD)

    assert "sunny" in plugins.names()
    assert plugins.load("sunny").name == "sunny"


def test_nothing_is_imported_before_it_is_named(site: Path) -> None:
    install(site, "cc-mine", "mine", "cc_mine:plugin", "raise SystemError('imported')")

    assert "mine" in plugins.names()
    assert told("mine") == 'the adapter "mine" of cc-mine is broken: SystemError: imported'


def test_one_that_is_not_installed(site: Path) -> None:
    assert told("focsu") == 'no adapter "focsu" is installed; did you mean "focus"?'
    words = told("teradata")
    assert words.startswith('no adapter "teradata" is installed (there are: ')
    assert "focus" in words
    assert words.endswith("): install the package that brings it, into this environment")
    assert told("x\n" * 100).startswith("no adapter \"'x\\nx\\n")


def test_one_that_misses_a_module_names_the_extra(site: Path) -> None:
    broken = "import a_cloud_sdk_that_is_not_there"
    install(site, "cc-a", "rainy", "cc_a:plugin", broken, extras=("daemon", "rainy"))
    install(site, "cc-b", "windy", "cc_b:plugin", broken, extras=("daemon",))
    install(site, "cc-c", "foggy", "cc_c:plugin", broken)

    needs = "needs the module a_cloud_sdk_that_is_not_there: pip install"
    assert told("rainy") == f'the adapter "rainy" {needs} "cc-a[rainy]"'
    assert told("windy") == f'the adapter "windy" {needs} "cc-b[daemon]"'
    assert told("foggy") == f'the adapter "foggy" {needs} "cc-c"'


def test_what_it_needs_later_is_looked_up_at_once_and_not_loaded(site: Path) -> None:
    needy = GOOD.replace("print)", "print, requires=('a_cloud_sdk.ce',))")
    install(site, "cc-sunny", "sunny", "cc_needy:plugin", needy, extras=("sunny",))
    (site / "another_sdk.py").write_text("raise SystemError('imported')")
    there = needy.replace("sunny", "calm").replace("a_cloud_sdk.ce", "another_sdk")
    install(site, "cc-calm", "calm", "cc_calm:plugin", there)

    assert told("sunny") == 'the adapter "sunny" needs the module a_cloud_sdk.ce: pip install "cc-sunny[sunny]"'
    assert plugins.load("calm").requires == ("another_sdk",)


def test_one_that_is_no_adapter(site: Path) -> None:
    install(site, "cc-a", "nothing", "cc_n:plugin", "plugin = None")
    install(site, "cc-b", "absent", "cc_m:plugin", "")
    install(site, "cc-c", "alias", "cc_l:plugin", GOOD)

    assert told("nothing") == 'the adapter "nothing" of cc-a is broken: cc_n:plugin is no AdapterPlugin'
    assert told("absent").startswith('the adapter "absent" of cc-b is broken: AttributeError: ')
    assert told("alias") == 'the adapter "alias" of cc-c is broken: it calls itself "sunny"'


def test_two_packages_with_one_name_are_not_chosen_between(site: Path) -> None:
    install(site, "cc-a", "sunny", "cc_one:plugin", GOOD)
    install(site, "cc-b", "sunny", "cc_two:plugin", GOOD)

    assert told("sunny") == 'the adapter "sunny" comes with several packages: cc-a, cc-b; remove all but one'
