"""What the package shows: its names, their shape, and what importing them costs."""

import base64
import copy
import inspect
import json
import pickle
import subprocess
import sys
import typing
from dataclasses import MISSING, FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cloudcircuit
from cloudcircuit import safeguards
from tests.library import published_0_3_8 as published

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = [
    "check_anomaly_robust",
    "check_anomaly_spike",
    "check_budget",
    "check_burn_rate",
    "evaluate_circuit_breaker",
    "evaluate_spend_policy",
    "forecast_budget_breach",
    "make_alert_payload",
]
RESULTS = [
    "AnomalyCheckResult",
    "BudgetCheckResult",
    "BurnRateResult",
    "CircuitBreakerDecision",
    "ForecastResult",
    "PolicyDecision",
]

# One result of every class, as 0.3.8 pickled them.
PICKLED_BY_0_3_8 = base64.b64decode(
    "gASVqQEAAAAAAABdlCiMF2Nsb3VkY2lyY3VpdC5zYWZlZ3VhcmRzlIwRQnVkZ2V0Q2hlY2tSZXN1bHSUk5QpgZRdlChHQIzAAAAAAABH"
    "QI9AAAAAAABHP+1wo9cKPXFHQFQAAAAAAACIiWViaAGMEkFub21hbHlDaGVja1Jlc3VsdJSTlCmBlF2UKEdAb0AAAAAAAEdAXeqqqqqq"
    "q0dAZ+7u7u7u8IhlYmgBjBZDaXJjdWl0QnJlYWtlckRlY2lzaW9ulJOUKYGUXZQoiYhLAGViaAGMDkJ1cm5SYXRlUmVzdWx0lJOUKYGU"
    "XZQoR0BvQAAAAAAAR0Bd6qqqqqqrR0AAto0xNA5DiGViaAGMDkZvcmVjYXN0UmVzdWx0lJOUKYGUXZQoR0CMwAAAAAAAR0CPQAAAAAAA"
    "SxZLHkdAk5oui6LoukdAb9F0XRdF0IhlYmgBjA5Qb2xpY3lEZWNpc2lvbpSTlCmBlF2UKIwIdGhyb3R0bGWUjCZCdWRnZXQgd2Fybmlu"
    "ZyBvciBzcGVuZCBzcGlrZSBkZXRlY3RlZJSMB3dhcm5pbmeUaARoCGgMZWJlLg=="
)


def examples() -> list[Any]:
    """The same results, made here."""
    days = [120.0, 118.0, 121.0, 250.0]
    budget = cloudcircuit.check_budget(920.0, 1000.0)
    anomaly = cloudcircuit.check_anomaly_spike(days, spike_multiplier=1.6)
    breaker = cloudcircuit.evaluate_circuit_breaker(1)
    return [
        budget,
        anomaly,
        breaker,
        cloudcircuit.check_burn_rate(days),
        cloudcircuit.forecast_budget_breach(920.0, 1000.0, 22, 30),
        cloudcircuit.evaluate_spend_policy(budget, anomaly, breaker),
    ]


@pytest.mark.parametrize(
    ("module", "more"), [(cloudcircuit, ["__version__"]), (safeguards, ["Severity"])], ids=["top", "safeguards"]
)
def test_all_is_what_is_exported(module: ModuleType, more: list[str]) -> None:
    assert sorted(module.__all__) == sorted(FUNCTIONS + RESULTS + more)
    assert set(module.__all__) <= set(dir(module))
    exported: dict[str, object] = {}
    exec(f"from {module.__name__} import *", exported)
    assert set(exported) - {"__builtins__"} == set(module.__all__)


@pytest.mark.parametrize("name", FUNCTIONS + RESULTS)
def test_both_modules_export_the_same_objects(name: str) -> None:
    assert getattr(cloudcircuit, name) is getattr(safeguards, name)


@pytest.mark.parametrize("module", [cloudcircuit, safeguards])
def test_a_misspelt_name_is_an_attribute_error(module: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'check_budgets'"):
        _ = module.check_budgets


def test_the_version_is_a_literal_that_the_build_can_read() -> None:
    assert f'\n__version__ = "{cloudcircuit.__version__}"\n' in (ROOT / "cloudcircuit/__init__.py").read_text()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signatures_begin_with_the_published_ones(name: str) -> None:
    theirs = list(inspect.signature(getattr(published, name)).parameters.values())
    ours = list(inspect.signature(getattr(cloudcircuit, name)).parameters.values())
    shape = [(one.name, one.kind, one.default) for one in ours]
    assert shape[: len(theirs)] == [(one.name, one.kind, one.default) for one in theirs]
    for added in ours[len(theirs) :]:
        assert added.kind is added.KEYWORD_ONLY
        assert added.default is not added.empty


@pytest.mark.parametrize("name", RESULTS)
def test_fields_begin_with_the_published_ones(name: str) -> None:
    theirs = [(field.name, field.default) for field in fields(getattr(published, name))]
    ours = [(field.name, field.default) for field in fields(getattr(cloudcircuit, name))]
    assert ours[: len(theirs)] == theirs
    assert all(default is not MISSING for _, default in ours[len(theirs) :])


@pytest.mark.parametrize("result", examples(), ids=lambda result: type(result).__name__)
def test_results_are_frozen_and_slotted(result: Any) -> None:
    assert is_dataclass(result)
    assert not hasattr(result, "__dict__")
    with pytest.raises(FrozenInstanceError):
        setattr(result, fields(result)[0].name, None)
    assert len({result, copy.copy(result)}) == 1


@pytest.mark.parametrize("name", FUNCTIONS + RESULTS)
def test_annotations_resolve_at_run_time(name: str) -> None:
    hints = typing.get_type_hints(getattr(cloudcircuit, name))
    assert hints
    assert not any(isinstance(hint, str) for hint in hints.values())


@pytest.mark.parametrize("result", examples(), ids=lambda result: type(result).__name__)
def test_results_survive_pickle_and_copy(result: Any) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(result, protocol)) == result
    assert copy.copy(result) == result
    assert copy.deepcopy(result) == result


def test_pickles_of_0_3_8_still_load() -> None:
    restored = pickle.loads(PICKLED_BY_0_3_8)
    assert restored == examples()
    assert restored[-1].burn_rate is None
    assert restored[-1].forecast is None


def test_a_decision_keeps_its_new_fields_in_a_pickle() -> None:
    decision = cloudcircuit.evaluate_spend_policy(
        None, None, cloudcircuit.evaluate_circuit_breaker(0), burn_rate=cloudcircuit.check_burn_rate([1, 2])
    )
    assert pickle.loads(pickle.dumps(decision)).burn_rate == decision.burn_rate


def modules_after(statement: str) -> set[str]:
    """What a bare interpreter, without site packages, has loaded in addition after a statement."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules); {statement}; "
        "after = set(sys.modules) - before; import json; print(json.dumps(sorted(after)))"
    )
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(answer.stdout))


def test_importing_the_package_loads_nothing_else() -> None:
    assert modules_after("import cloudcircuit") == {"cloudcircuit"}


def test_the_submodule_is_there_without_an_import_of_its_own() -> None:
    loaded = modules_after("import cloudcircuit; cloudcircuit.safeguards.check_budget(1, 2)")
    assert "cloudcircuit.safeguards.budget" in loaded
    assert "cloudcircuit.safeguards.policy" not in loaded


def test_one_check_loads_its_own_file_only() -> None:
    loaded = modules_after("from cloudcircuit import check_budget")
    ours = {name for name in loaded if name.startswith("cloudcircuit")}
    assert ours == {
        "cloudcircuit",
        "cloudcircuit.safeguards",
        "cloudcircuit.safeguards._numbers",
        "cloudcircuit.safeguards.budget",
    }
    assert not loaded & {"typing", "decimal", "json", "asyncio", "datetime", "logging"}


def test_the_whole_library_loads_the_standard_library_only() -> None:
    loaded = modules_after("from cloudcircuit import *")
    assert {name.partition(".")[0] for name in loaded} <= {"cloudcircuit", *sys.stdlib_module_names}
    assert not loaded & {"decimal", "json", "asyncio", "datetime", "logging", "numbers"}
