"""Files that nobody writes on purpose, or only on purpose: refused in words, and soon."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cloudcircuit.config import load
from cloudcircuit.config.fields import Known, Table
from cloudcircuit.config.schema import NOTIFIERS, TABLES
from cloudcircuit.config.words import SAYINGS, explain, keys_of
from cloudcircuit.errors import ConfigError
from cloudcircuit.model import Match
from tests.config.registry import find

GOOD = """
[sources.aws]
adapter = "fake"
path = "bill.csv"

[notifiers.ops]
type = "console"

[monitors.m]
budget = { amount = 4000, currency = "USD" }
"""


def refusal(file: Path) -> str:
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        load(file, find)
    assert time.monotonic() - started < 15
    return str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    assert "the configuration is a folder, not a file" in refusal(tmp_path)
    assert "the configuration cannot be read: no such file or directory" in refusal(tmp_path / "gone.toml")
    assert "the configuration is not a regular file" in refusal(tmp_path / "pipe")
    assert "the configuration is not a regular file" in refusal(Path("/dev/zero"))
    assert "the configuration cannot be read: too many levels" in refusal(tmp_path / "loop")
    assert "the configuration is no file's name" in refusal(Path("nul\0"))
    assert "the configuration cannot be read: file name too long" in refusal(tmp_path / ("x" * 5000))


@pytest.fixture
def nobody() -> Iterator[None]:
    """Root reads everything: be somebody else for a while."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


def test_a_file_that_may_not_be_read(tmp_path: Path, nobody: None) -> None:
    file = tmp_path / "cc.toml"
    assert "the configuration cannot be read: permission denied" in refusal(_locked(file))


def _locked(file: Path) -> Path:
    """A file of root's, or one of our own that we may not read."""
    if os.getuid() != 0:
        file.write_text(GOOD)
        file.chmod(0)
        return file
    return Path("/etc/shadow")


def test_a_gigabyte_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "cc.toml").open("wb") as file:
        file.truncate(1 << 30)

    assert "the configuration is larger than 1 MiB" in refusal(tmp_path / "cc.toml")


def test_a_file_that_lies_about_its_size_is_refused_all_the_same() -> None:
    # Its size is given as 0.
    assert "the configuration is not UTF-8" in refusal(Path("/proc/self/auxv"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (".".join("a" * 10_000) + " = 1", "a key of more than 16 parts"),
        ("[" + ".".join(['"a"'] * 10_000) + "]", "a key of more than 16 parts"),
        ("x = {" + " . ".join(["'a'"] * 10_000) + " = 1}", "a key of more than 16 parts"),
        ("x = " + "[" * 100_000, "is nested too deeply"),
        ("x = " + "{a=" * 100_000, "is nested too deeply"),
        ("x = " + "9" * 100_000, "has too many digits"),
        ("min_impact = 1e999999999999", "min_impact"),
        ("x" * 500_000 + " = 1", "unknown key"),
        ("\n".join(f"k{at} = 1" for at in range(20_000)), "20000 problems"),
        ("per = [" + ",".join(f'"tag:{at}"' for at in range(50_000)) + "]", "more than 8 items"),
        ("channels = [" + '"ops",' * 100_000 + "]", 'names "ops" twice'),
        ("where = { service = '" + "*a" * 300 + "' }", "more than 500 characters"),
    ],
)
def test_a_file_that_would_take_for_ever(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "cc.toml"
    file.write_text(GOOD + text)

    assert words in refusal(file)


def test_a_forest_of_stars_is_matched_soon() -> None:
    started = time.monotonic()

    assert not Match("service", ("*a" * 200 + "*b",)).accepts("a" * 10_000)
    assert Match("service", ("*a" * 200 + "*",)).accepts("a" * 10_000)
    assert time.monotonic() - started < 5


@settings(deadline=None)
@given(st.text("ab*?.[", max_size=8), st.text("ab*.[\n", max_size=8))
def test_a_glob_fits_what_backtracking_would_fit(pattern: str, value: str) -> None:
    naive = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)

    assert Match("service", (pattern,)).accepts(value) is bool(re.fullmatch(naive, value, re.DOTALL))


def test_a_long_way_of_fallbacks_is_walked(tmp_path: Path) -> None:
    file = tmp_path / "cc.toml"
    way = "".join(f'[notifiers.n{at}]\ntype = "console"\nfallback = "n{at + 1}"\n' for at in range(1000))
    file.write_text(GOOD + way + '[notifiers.n1000]\ntype = "console"\nfallback = "n0"\n')

    assert "1001 problems" in refusal(file)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read(data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "insert"]))
        if kind == "change":
            content[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del content[at : at + data.draw(st.integers(1, 20))]
        else:
            content[at:at] = data.draw(st.sampled_from([b'"', b"[", b"]", b"\n", b"=", b"{", b"nan", b"\0", b"\xf0"]))
    file = tmp_path / "damaged.toml"
    file.write_bytes(content)

    try:
        load(file, find)
    except ConfigError as error:
        assert error.problems


MODELS: list[type[Table]] = [*TABLES.values(), *NOTIFIERS.values()]
WORDS = [
    *["x", "", "6h", "0s", "5 days", "USD", "ops", "aws", "mad", "day", "block", "env:X", "service", "tag:a", "UTC"],
    *["console", "slack", "webhook", "enforce", "*" * 9, "x" * 5000, "a\nb", "https://x/{circuit}", "https://x"],
]
SCALARS = (
    st.sampled_from(WORDS)
    | st.integers(-5, 500)
    | st.booleans()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from([Decimal("1e999"), Decimal("0.5"), 10**400])
    | st.dates()
    | st.datetimes()
)
INNER = sorted({key for model in MODELS for key in keys_of(model)} | {"amount", "lookback", "not", "method", "cost"})
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*INNER, "zzz"]), inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(MODELS).flatmap(
        lambda model: st.tuples(st.just(model), tables_of(model)) | st.tuples(st.just(model), VALUES)
    )
)
def test_every_error_of_our_tables_has_words_of_ours(case: tuple[type[Table], object]) -> None:
    model, raw = case
    try:
        model.model_validate(raw, context=Known(frozenset({"aws"}), frozenset({"ops"})))
    except ValidationError as error:
        kinds = {detail["type"] for detail in error.errors()}
        assert kinds <= {*SAYINGS, "extra_forbidden", "missing", "literal_error", "enum"}
        assert len(explain(error, model, ("table",))) == error.error_count()


def tables_of(model: type[Table]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(keys_of(model)), VALUES, max_size=6)
