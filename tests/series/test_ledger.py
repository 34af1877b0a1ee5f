"""Statements: written, read back, laid over each other, and refused when they were tampered with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from cloudcircuit.errors import StateDamaged
from cloudcircuit.model import Cost, Statement
from cloudcircuit.service.ledger import image, join, read, recall
from tests.series.world import SAID, Source, cells, day, lines, query, report, row


def test_first_word_on_a_day_is_the_whole_day() -> None:
    source = Source()
    diff = source.say(report([row(0, "a", "1"), row(0, "b", "0"), row(1, None, "2.5", "2")]))
    assert [(s.day, s.rows, read(s).base) for s in diff.statements] == [(day(0), 2, True), (day(1), 1, True)]
    assert diff.restated == () and diff.vanished_days == ()
    assert lines(recall(source.statements)) == lines(diff.word)
    assert set(diff.word) == {day(0), day(1)}


def test_only_cells_that_changed_are_written() -> None:
    source = Source()
    first = [row(0, f"s{n}", "1") for n in range(9)] + [row(1, "a", "1")]
    source.say(report(first))
    diff = source.say(report([*first[:8], row(0, "s8", "1", "1.000000000000000001"), row(1, "a", "1")]))
    assert [(s.day, s.rows, read(s).base) for s in diff.statements] == [(day(0), 1, False)]
    (line,) = read(diff.statements[0]).cells.to_pylist()
    assert line["ServiceName"] == "s8"
    assert line["EffectiveCost"] == Decimal("1.000000000000000001")


def test_a_key_that_is_gone_while_its_day_is_there_says_zero() -> None:
    source = Source()
    source.say(report([row(0, f"s{n}", "1") for n in range(5)]))
    diff = source.say(report([row(0, f"s{n}", "1") for n in range(4)]))
    (line,) = read(diff.statements[0]).cells.to_pylist()
    assert (line["ServiceName"], line["BilledCost"], line["EffectiveCost"]) == ("s4", 0, 0)
    assert len(cells(image(source.statements))) == 4


def test_a_day_that_changed_altogether_is_said_whole() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(0, "b", "1")]))
    diff = source.say(report([row(0, "c", "1"), row(0, "d", "2")]))
    assert read(diff.statements[0]).base
    assert cells(image(source.statements)) == cells(report([row(0, "c", "1"), row(0, "d", "2")]))


def test_body_is_an_arrow_stream_that_anybody_can_read() -> None:
    (statement,) = Source().say(report([row(0, "a", "1")])).statements
    table = pa.ipc.open_stream(statement.body).read_all()
    assert table.column_names == ["ChargePeriodStart", "BillingCurrency", "ChargeCategory", "ServiceName", *names()]
    assert b'"dimensions": ["ServiceName"]' in table.schema.metadata[b"cloudcircuit"]


def names() -> list[str]:
    return [cost.column for cost in Cost]


def test_order_of_statements_is_that_of_saying() -> None:
    source = Source()
    for amount in ("1", "2", "3"):
        source.say(report([row(0, "a", amount), row(0, "b", "1"), row(0, "c", "1")]))
    assert cells(image(reversed(source.statements))) == cells(image(source.statements))


def test_what_was_known_at_an_earlier_time() -> None:
    source = Source()
    for amount in ("1", "2", "3"):
        source.say(report([row(0, "a", amount), row(0, "b", "1"), row(0, "c", "1")]))
    until = SAID + timedelta(hours=6)
    known = image([s for s in source.statements if s.said_at <= until])
    assert cells(known) == cells(report([row(0, "a", "2"), row(0, "b", "1"), row(0, "c", "1")]))


def test_a_change_without_its_base_says_nothing() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(0, "b", "1"), row(0, "c", "1"), row(1, "a", "1")]))
    source.say(report([row(0, "a", "2"), row(0, "b", "1"), row(0, "c", "1"), row(1, "a", "1")]))
    kept = [s for s in source.statements if s.said_at > SAID or s.day == day(1)]
    assert set(recall(kept)) == {day(1)}


@pytest.mark.parametrize("where", ["first", "middle", "last", "short", "empty", "other"])
def test_damage_names_source_and_day(where: str) -> None:
    (statement,) = Source().say(report([row(0, "a", "1")])).statements
    with pytest.raises(StateDamaged, match=r"source s is damaged: what it said of 2026-03-01 at 2026-04-01T00:00"):
        recall([replace(statement, body=damaged(statement, where))])


def damaged(statement: Statement, where: str) -> bytes:
    body = bytearray(statement.body)
    if where in {"short", "empty", "other"}:
        return {"short": bytes(body[:40]), "empty": b"", "other": b"not an arrow stream, but long enough"}[where]
    body[{"first": 0, "middle": len(body) // 2, "last": -1}[where]] ^= 1
    return bytes(body)


def test_every_flipped_byte_is_noticed() -> None:
    (statement,) = Source().say(report([row(0, "a", "1")])).statements
    for place in range(len(statement.body)):
        body = bytearray(statement.body)
        body[place] ^= 0x10
        with pytest.raises(StateDamaged):
            read(replace(statement, body=bytes(body)))


def test_a_sound_stream_without_our_note_is_damage() -> None:
    import zlib

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("x", pa.int64())])) as stream:
        stream.write_table(pa.table({"x": [1]}))
    body = sink.getvalue().to_pybytes()
    statement = Source().say(report([row(0, "a", "1")])).statements[0]
    with pytest.raises(StateDamaged):
        read(replace(statement, body=body + zlib.crc32(body).to_bytes(4, "big")))


def test_other_dimensions_replace_the_day_whole() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(0, "b", "2")]))
    both = ("service", "region")
    diff = source.say(report([row(0, ("a", "x"), "1"), row(0, ("b", "y"), "2")], both), query(dimensions=both))
    assert read(diff.statements[0]).base
    assert diff.restated == ()
    assert image(source.statements).column_names[3:5] == ["ServiceName", "RegionId"]
    assert len(cells(image(source.statements))) == 2


def test_other_dimensions_and_other_money_are_a_restatement() -> None:
    source = Source()
    source.say(report([row(0, "a", "1")]))
    diff = source.say(report([row(0, (), "1", "3")], ()), query(dimensions=()))
    assert [(r.day, r.currency, r.cost, r.old, r.new) for r in diff.restated] == [
        (day(0), "USD", Cost.EFFECTIVE, Decimal(1), Decimal(3))
    ]


def test_a_day_that_cannot_answer_is_left_out() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(1, "a", "1")]))
    both = ("service", "region")
    source.say(report([row(1, ("a", "x"), "1")], both), query(dimensions=both))
    assert set(recall(source.statements)) == {day(0), day(1)}
    assert [line["ChargePeriodStart"].date() for line in join(source.word).to_pylist()] == [day(1)]
    assert join(source.word, ("service",)).num_rows == 2
    assert join(source.word, ("tag:team",)).num_rows == 0


def test_a_new_cost_column_is_a_new_base() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(1, "a", "1")], costs=[Cost.BILLED]))
    diff = source.say(report([row(0, "a", "1", "0.5"), row(1, "a", "1", "0.5")]))
    assert all(read(s).base for s in diff.statements)
    assert diff.restated == ()
    assert join(source.word)["EffectiveCost"].to_pylist() == [Decimal("0.5")] * 2


def test_nothing_said_is_an_empty_table_of_the_asked_columns() -> None:
    table = image([], ("region", "tag:team"))
    assert table.num_rows == 0
    assert table.column_names[3:] == ["RegionId", "Tags.team", "BilledCost", "EffectiveCost"]
