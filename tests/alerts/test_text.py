from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.engine.text import clean, clusters, count, cut, duration, money, share, shown, span, storable

FAMILY = "👨‍👩‍👧‍👦"
FLAG = "🇫🇷"
WAVE = "👋🏽"
HAN = "\u1112\u1161\u11ab"  # one Korean syllable in three letters
ACCENTED = "e\u0301"


# --- text from outside ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("AWS Glue", "AWS Glue"),
        ("a\nb\r\n\tc   d ", "a b c d"),
        ("a\0b", "a\ufffdb"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("a\u202etxt.exe", "a\ufffdtxt.exe"),
        ("\u200fabc\u2066d\u2069", "\ufffdabc\ufffdd\ufffd"),
        ("zero\u200bwidth\ufeff", "zero\ufffdwidth\ufffd"),
        ("line\u2028break", "line break"),
        ("lone\ud800", "lone\ufffd"),
        ("tag\U000e0041", "tag\ufffd"),
        (f"{FAMILY} {FLAG} {WAVE}", f"{FAMILY} {FLAG} {WAVE}"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("", ""),
    ],
)
def test_what_is_seen_of_a_name(raw: str, seen: str) -> None:
    assert clean(raw) == seen


@settings(deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_nothing_hidden_is_left(raw: str) -> None:
    seen = clean(raw)
    assert clean(seen) == seen
    for char in seen:
        assert unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.category(char) != "Cf" or char in "\u200c\u200d"
    assert "  " not in seen
    seen.encode()


@settings(deadline=None)
@given(st.text(st.characters(), max_size=50))
def test_storable_takes_out_two_things_alone(raw: str) -> None:
    kept = storable(raw)
    kept.encode()
    assert len(kept) == len(raw)
    assert all(
        a == b or (b == "\ufffd" and (a == "\0" or "\ud800" <= a <= "\udfff")) for a, b in zip(raw, kept, strict=True)
    )


@pytest.mark.parametrize("whole", [FAMILY, FLAG, WAVE, HAN, ACCENTED, "🏳️‍🌈", "가"])
def test_what_a_reader_takes_for_one_character_stays_whole(whole: str) -> None:
    assert list(clusters(f"a{whole}b")) == ["a", whole, "b"]
    for limit in range(len("… 100 more"), 30):
        kept = cut(whole * 100, limit).partition("…")[0]
        assert kept == whole * (len(kept) // len(whole))


def test_two_flags_are_two() -> None:
    assert list(clusters(FLAG + "🇩🇪" + "🇺")) == [FLAG, "🇩🇪", "🇺"]


def test_a_pile_of_accents_is_cut() -> None:
    assert max(map(len, clusters("e" + "\u0301" * 10_000))) == 32
    assert len(cut("e" + "\u0301" * 10_000, 50)) <= 50


def test_what_is_cut_says_how_much_is_missing() -> None:
    assert cut("x" * 100, 20) == "x" * 10 + "… 90 more"
    assert cut("x" * 100, 100) == "x" * 100
    assert cut("x" * 1_000_000, 100).endswith("… 999914 more")
    assert cut("x" * 1_000_000, 100).startswith("x" * 86 + "…")


def test_what_is_cut_twice_says_the_sum() -> None:
    once = cut("x" * 1_000_000, 1000)
    assert cut(once, 100) == cut("x" * 1_000_000, 100)


@pytest.mark.parametrize("limit", range(12))
def test_no_room_even_for_the_remark(limit: int) -> None:
    assert len(cut("x" * 1000, limit)) <= limit


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(0, 120))
def test_a_cut_text_fits(text: str, limit: int) -> None:
    def double(part: str) -> int:
        return 2 * len(part)

    assert len(cut(text, limit)) <= limit
    assert double(cut(text, limit, double)) <= limit or cut(text, limit, double) == "…"


def test_a_name_is_never_empty() -> None:
    assert shown("") == shown(" \n ") == "(empty)"
    assert shown("x" * 500, 30) == "x" * 20 + "… 480 more"
    assert len(shown("\n" * 1_000_000 + "x")) <= 80


# --- money, time, shares --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (52.69, "USD", "$52.69"),
        (Decimal("1234.5"), "EUR", "€1,234.50"),
        ("9999.99", "USD", "$9,999.99"),
        (9999.996, "USD", "$10,000"),
        (123456.78, "GBP", "£123,457"),
        (-40.0, "USD", "-$40.00"),
        (3.2, "CHF", "CHF 3.20"),
        (-3.2, "CHF", "-CHF 3.20"),
        (1500.4, "JPY", "¥1,500"),
        (0.0, "USD", "$0.00"),
        (0.004, "USD", "$0.00…"),
        (1e15, "USD", "$1e+15"),
        (1e308, "USD", "$1e+308"),
        (None, "USD", "unknown"),
        (float("nan"), "USD", "unknown"),
        ("Infinity", "USD", "unknown"),
        ("abc", "USD", "unknown"),
        (1.0, "<!channel>\n", "<!channel> 1.00"),
        (1.0, "X" * 100, "XX… 98 more 1.00"),
        (Decimal("1e400"), "USD", "unknown"),
    ],
)
def test_money(amount: Decimal | float | str | None, currency: str, text: str) -> None:
    assert money(amount, currency) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (30, "less than a minute"),
        (60, "1 minute"),
        (3600, "1 hour"),
        (26 * 3600, "26 hours"),
        (47.9 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (None, "unknown"),
        (float("inf"), "unknown"),
        (-5, "less than a minute"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.7506, "75%"),
        (1.0, "100%"),
        (0.998, "99%"),
        (1.02, "102%"),
        (-0.38, "-38%"),
        (0.0, "0%"),
        (1e9, "over 1,000,000%"),
    ],
)
def test_share(ratio: float, text: str) -> None:
    assert share(ratio) == text
    assert share(float("nan")) == share(None) == "unknown"


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (date(2026, 10, 1), date(2026, 11, 1), "October"),
        (date(2025, 2, 1), date(2025, 3, 1), "February 2025"),
        (date(2026, 1, 1), date(2027, 1, 1), "2026"),
        (date(2026, 10, 12), date(2026, 10, 13), "12 October"),
        (date(2026, 10, 12), date(2026, 10, 19), "12 October to 18 October"),
        (date(2025, 12, 29), date(2026, 1, 5), "29 December 2025 to 4 January"),
        (date(2026, 7, 1), date(2026, 10, 1), "1 July to 30 September"),
        (date(2026, 10, 1), date(2026, 10, 2), "1 October"),
    ],
)
def test_span(start: date, end: date, text: str) -> None:
    assert span(start, end, datetime(2026, 10, 20, tzinfo=UTC)) == text


def test_count() -> None:
    assert (count(1, "day"), count(2, "day"), count(1200, "anomaly", "anomalies")) == (
        "1 day",
        "2 days",
        "1,200 anomalies",
    )
