"""The examples in the docstrings are true, and every public name has one to read."""

import doctest
import importlib
import pkgutil

import pytest

from cloudcircuit import safeguards

CHECKS = [module.name for module in pkgutil.iter_modules(safeguards.__path__) if not module.name.startswith("_")]


@pytest.mark.parametrize("name", CHECKS)
def test_the_examples_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"cloudcircuit.safeguards.{name}"))
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("name", [name for name in safeguards.__all__ if name[0].islower()])
def test_every_function_says_what_it_raises(name: str) -> None:
    text = getattr(safeguards, name).__doc__ or ""
    assert "Raises ValueError" in text or name == "evaluate_spend_policy"
