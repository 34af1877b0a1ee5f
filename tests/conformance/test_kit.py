"""The contract itself: each of its tests fails on an adapter that is wrong in that way, and says what to do."""

from __future__ import annotations

import subprocess
import sys
from unittest import SkipTest

import pytest

from cloudcircuit.testing import AdapterContract
from cloudcircuit.testing.bench import Bench
from tests.conformance import wrong_calls, wrong_tables, wrong_times
from tests.conformance.document import DOCUMENT
from tests.conformance.wrong import MUTANTS, Mutant

KINDS = (wrong_calls, wrong_tables, wrong_times)
"""Importing them enters what they hold into MUTANTS."""

TESTS = {name.removeprefix("test_") for name in dir(AdapterContract) if name.startswith("test_")}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.name}-{mutant.test}")
def test_a_wrong_adapter_is_caught(mutant: Mutant) -> None:
    bench = mutant.contract()
    bench.setup_method()
    try:
        with pytest.raises(AssertionError) as caught:
            getattr(bench, f"test_{mutant.test}")()
    finally:
        bench.teardown_method()
    assert mutant.words in str(caught.value)


def test_each_test_of_the_contract_can_fail() -> None:
    assert all(kind.__doc__ for kind in KINDS)
    assert {mutant.test for mutant in MUTANTS} == TESTS


def test_importing_the_kit_imports_nothing_heavy() -> None:
    heavy = ("pyarrow", "pydantic", "pytest", "numpy")
    code = f"import cloudcircuit.testing, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_all_that_a_subclass_can_say_is_explained() -> None:
    ours = {"query", "ask", "fetch", "opened", "context", "settings", "can", "split", "widest", "charge", "two_weeks"}
    ours |= {"must_say", "today", "dimensions", "groupable", "setup_method", "teardown_method"}
    said = {name for name in vars(Bench) if not name.startswith("_")} - ours
    faults = {name for name in said if "From now on" in (getattr(Bench, name).__doc__ or "")}
    text = Bench.__doc__ or ""
    assert [name for name in sorted(said - faults) if name not in text] == []
    assert [name for name in sorted(faults) if f"`{name}`" not in DOCUMENT.read_text()] == []


def test_what_is_not_said_is_asked_for() -> None:
    bench = AdapterContract()
    for name in ("plugin", "options"):
        with pytest.raises(TypeError, match="say "):
            getattr(bench, name)
    with pytest.raises(TypeError, match="exactly these charges"):
        bench.load([])
    for fault in (bench.break_login, bench.hang, bench.truncate, bench.garble, bench.vanish, bench.spoil, bench.calls):
        with pytest.raises(SkipTest, match="is not provided"):
            fault()
    with pytest.raises(SkipTest, match="is not provided"):
        bench.throttle(1)
