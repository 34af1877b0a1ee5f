"""What is written for operators is true: the example, the documentation and the schema follow the code."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from cloudcircuit import plugins
from cloudcircuit.config import Config, json_schema, load
from cloudcircuit.config.fields import Known
from cloudcircuit.config.schema import (
    NOTIFIERS,
    AnomalyTable,
    BreakerTable,
    BudgetTable,
    BurnRateTable,
    DaemonTable,
    DefaultsTable,
    FxTable,
    MonitorTable,
    RunRateTable,
    SourceTable,
)
from cloudcircuit.config.words import keys_of
from cloudcircuit.errors import ConfigError
from cloudcircuit.model import Budget

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.toml"
DOCS = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
COMMENTED = re.compile(r'^# (\[\[?[a-z."]+\]\]?|[a-z0-9_]+ = .*)', re.MULTILINE)

NESTED: dict[str, type[BaseModel]] = {
    "budget": BudgetTable,
    "anomaly": AnomalyTable,
    "burn_rate": BurnRateTable,
    "breaker": BreakerTable,
    "run_rate": RunRateTable,
}


def uncommented() -> str:
    return COMMENTED.sub(r"\1", EXAMPLE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tree() -> dict[str, Any]:
    return tomllib.loads(uncommented(), parse_float=Decimal)


def test_the_example_loads_as_it_stands() -> None:
    config = load(EXAMPLE, plugins.load)

    account, services = config.monitors
    assert config.sources["aws"].adapter == "focus"
    assert account.budget == Budget(Decimal(3900), "USD")
    assert services.per == ("service",)


@pytest.fixture
def everything(tmp_path: Path) -> Config:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    file = tmp_path / "everything.toml"
    file.write_text(uncommented(), encoding="utf-8")
    return load(file, plugins.load)


def test_the_example_loads_with_everything_in_it(everything: Config) -> None:
    accounts = everything.monitors[-1]
    assert accounts.book is not None
    assert set(accounts.book.rows) == {("111122223333",), ("044455556666",)}
    assert set(everything.notifiers) == {"console", "slack", "webhook"}
    assert everything.fx


def test_the_example_names_every_key(tree: dict[str, Any]) -> None:
    assert set(tree) == {"daemon", "defaults", "sources", "notifiers", "monitors", "fx"}
    assert set(tree["daemon"]) == set(keys_of(DaemonTable))
    assert set(tree["defaults"]) == set(keys_of(DefaultsTable))
    focus = keys_of(plugins.load("focus").options)
    assert set(tree["sources"]["aws"]) == {*keys_of(SourceTable), *focus}
    shown = {source["adapter"]: set(source) for source in tree["sources"].values()}
    for adapter in ("aws", "azure", "gcp", "sql"):
        assert shown[adapter] - set(keys_of(SourceTable)) == set(keys_of(plugins.load(adapter).options)), adapter
    assert set(tree["monitors"]["accounts"]) >= set(MonitorTable.ITS_OWN)
    for table in tree["notifiers"].values():
        written = set(table) | ({"fallback"} if table["type"] == "console" else set())
        assert written == set(keys_of(NOTIFIERS[table["type"]]))
    assert set(tree["fx"][0]) == set(keys_of(FxTable))
    for key, model in NESTED.items():
        tables = [tree["defaults"][key], *(monitor.get(key, {}) for monitor in tree["monitors"].values())]
        assert {word for table in tables for word in table} == set(keys_of(model)), key


def test_what_the_example_comments_out_are_the_defaults(tree: dict[str, Any]) -> None:
    context = Known(frozenset({"aws"}), frozenset({"console"}))
    examples = {"owner", "currency", "channels", "budget", "burn_rate", "link", "adapter"}
    for model, key in ((DefaultsTable, "defaults"), (DaemonTable, "daemon"), (SourceTable, "sources")):
        raw = tree[key]["aws"] if key == "sources" else tree[key]
        table: BaseModel = model.model_validate({k: raw[k] for k in keys_of(model)}, context=context)
        for name in set(model.model_fields) - examples:
            field = model.model_fields[name]
            assert getattr(table, name) == field.get_default(call_default_factory=True, validated_data={}), name
    assert BurnRateTable.model_validate(tree["defaults"]["burn_rate"]) == BurnRateTable()


@pytest.mark.parametrize("adapter", ["aws", "azure", "focus", "gcp", "sql"])
def test_every_option_of_an_adapter_is_explained(adapter: str) -> None:
    documents = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
    section = documents.partition(f"\n## `{adapter}`")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    told = {word.strip("`") for row in rows for word in row.split(", ")}
    assert set(keys_of(plugins.load(adapter).options)) <= told


def test_every_key_has_a_description() -> None:
    models: list[type[BaseModel]] = [
        DaemonTable,
        SourceTable,
        MonitorTable,
        FxTable,
        *NOTIFIERS.values(),
        *NESTED.values(),
    ]
    nameless = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description and name != "type"
    ]

    assert nameless == []


def sections() -> dict[str, str]:
    parts = re.split(r"^##+ (.*)$", DOCS, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_documentation_has_every_key_and_no_other() -> None:
    found = sections()
    expected: dict[str, list[str]] = {
        "`[daemon]`": keys_of(DaemonTable),
        "`[sources.NAME]`": keys_of(SourceTable),
        "`[notifiers.NAME]`": keys_of(NOTIFIERS["webhook"]),
        "`[monitors.NAME]` and `[defaults]`": keys_of(MonitorTable),
        **{f"`{key}`": keys_of(model) for key, model in NESTED.items()},
    }
    for heading, keys in expected.items():
        rows = re.findall(r"^\| (`.*?) \|", found[heading], flags=re.MULTILINE)
        assert {word.strip("`") for row in rows for word in row.split(", ")} == set(keys), heading
    marked = re.findall(r"^\| `(\w+)` \|.*\| yes \|", found["`[monitors.NAME]` and `[defaults]`"], flags=re.MULTILINE)
    assert set(marked) == set(keys_of(DefaultsTable))


def blocks(language: str) -> Iterator[str]:
    """The fenced blocks of a language, in their order."""
    fences = re.findall(r"^```(.*?)\n(.*?)^```", DOCS, flags=re.MULTILINE | re.DOTALL)
    yield from (text for found, text in fences if found == language)


def test_forty_lines_do_for_three_clouds(tmp_path: Path) -> None:
    text = next(blocks("toml"))
    owners = next(blocks("csv"))
    file = tmp_path / "cloudcircuit.toml"
    file.write_text(text, encoding="utf-8")
    (tmp_path / "owners.csv").write_text(owners, encoding="utf-8")

    config = load(file, plugins.load)

    assert len([line for line in text.splitlines() if line.strip()]) <= 40
    assert set(config.sources) == {"aws", "azure", "gcp"}
    assert [monitor.sources for monitor in config.monitors] == [("aws", "azure", "gcp")] * 3
    assert config.monitors[1].book is not None
    assert len(config.monitors[1].book.rows) == 3


def test_the_problems_in_the_documentation_are_those_that_are_told(tmp_path: Path) -> None:
    text = next(blocks("toml")).replace('path = "exports/aws"', 'path = "exports/aws"\nevery = "6 hours"')
    text += '\n[monitors.production]\nbudgt = { amount = 1 }\nchannels = ["slak"]\n'
    file = tmp_path / "cloudcircuit.toml"
    file.write_text(text, encoding="utf-8")
    (tmp_path / "owners.csv").write_text(next(blocks("csv")), encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load(file, plugins.load)

    shown = next(block for block in blocks("") if "3 problems" in block)
    assert sorted(str(problem) for problem in caught.value.problems) == sorted(
        line.strip() for line in shown.splitlines()[1:]
    )


def test_the_schema_is_current() -> None:
    stored = json.loads((ROOT / "docs" / "config.schema.json").read_text(encoding="utf-8"))

    assert stored == json_schema(), "run: make schema"


def plain(text: str) -> Any:
    """What an editor sees: dates as text."""
    return json.loads(json.dumps(tomllib.loads(text), default=str))


def test_the_schema_accepts_what_loads() -> None:
    validator = jsonschema.Draft7Validator(json_schema())
    validator.check_schema(json_schema())

    for text in (EXAMPLE.read_text(encoding="utf-8"), uncommented(), next(blocks("toml"))):
        assert [error.message for error in validator.iter_errors(plain(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        '[daemon]\nlogs = "json"\n',
        "[defaults]\nper = []\n",
        '[defaults]\nmode = "enforced"\n',
        '[defaults]\nstale_after = "3 days"\n',
        "[monitors.m]\nbudgt = 1\n",
        '[monitors.m]\nwhere = { servce = "x" }\n',
        '[monitors.m]\nwhere = { not = { servce = "x" } }\n',
        "[monitors.m]\nanomaly = { lookback = 1 }\n",
        '[notifiers.n]\ntype = "slack"\nurl = "https://x"\n',
        "[sources.s]\nevery = 6\n",
    ],
)
def test_the_schema_underlines_what_is_wrong(text: str) -> None:
    validator = jsonschema.Draft7Validator({**json_schema(), "required": []})

    assert list(validator.iter_errors(plain(text)))


def test_the_schema_and_the_loader_know_the_same_files() -> None:
    """Of the bad files, those that are TOML and wrong in a word are wrong for an editor, too."""
    validator = jsonschema.Draft7Validator(json_schema())
    for name in ("unknown_key", "wrong_kind", "word", "dimension", "duration", "missing", "secret"):
        text = (Path(__file__).parent / "bad" / f"{name}.toml").read_text(encoding="utf-8")
        assert list(validator.iter_errors(plain(text))), name
