"""What people do, on a state without a daemon."""

from __future__ import annotations

import pytest

from cloudcircuit.stores import lock_holder, read_published
from tests.cli.terminal import Terminal

GLUE = "services/AWS Glue"
END = ("--at", "2018-10-31")


def published(terminal: Terminal, circuit: str) -> str:
    found = read_published(terminal.folder / "state" / "cloudcircuit.decisions.json").decisions[circuit]
    return f"{found.action.value} {'override' in found.reasons}"


def test_an_override_holds_until_its_end(example: Terminal) -> None:
    answer = example.ok("override", GLUE, "block", "--for", "2h", "--owner", "ann", "--reason", "looking", *END)
    assert answer.out == f"{GLUE}: block is served until 31 October 02:00 UTC\n"
    assert example.run("decide", GLUE, *END).code == 20
    assert published(example, GLUE) == "block True"  # nobody else publishes: the command did
    assert lock_holder(example.folder / "state" / "cloudcircuit.db") is None
    assert example.run("decide", GLUE, "--at", "2018-10-31T02:00").code == 0
    story = example.ok("explain", GLUE, "--at", "2018-10-31T01:00").out
    assert "override block until 31 October 02:00 UTC by ann: looking" in story


def test_clear_ends_an_override(example: Terminal) -> None:
    example.ok("override", GLUE, "block", "--for", "2h", "--reason", "looking", *END)
    assert "starts clean" in example.ok("clear", GLUE, "--at", "2018-10-31T00:30").out
    assert example.run("decide", GLUE, "--at", "2018-10-31T00:31").code == 0
    assert published(example, GLUE) == "allow False"


def test_a_circuit_whose_monitor_is_gone_is_forgotten_by_name(example: Terminal) -> None:
    config = example.folder / "cloudcircuit.toml"
    text = config.read_text()
    config.write_text(text.replace("[monitors.account]", "[monitors.whole]"))
    held = example.ok("status", "account", *END).out  # its budget is breached: it is not lost by an edit
    assert "would block" in held
    answer = example.ok("clear", "account", "--reason", "renamed", *END)
    assert "account is forgotten" in answer.out
    assert example.run("decide", "account", *END).code == 30


def test_a_glob_speaks_of_many(example: Terminal) -> None:
    answer = example.ok("silence", "services/Amazon *", "--until", "2018-11-05", "--reason", "migration", *END)
    assert "circuits: no messages are sent until 5 November 00:00 UTC" in answer.out
    acts = example.ok("history", "services/Amazon *", "--json").json
    assert [entry["kind"] for entry in acts] == ["silence"]


def test_planned_spend_may_be_announced_for_what_is_not_there_yet(example: Terminal) -> None:
    arguments = ("--amount", "250.50", "--for", "3d", "--reason", "load test", *END)
    assert (
        "250.50 a day more than usual is expected until 3 November"
        in example.ok("expect", "services/New", *arguments).out
    )


def test_an_acknowledgement_is_kept_with_its_owner(example: Terminal) -> None:
    answer = example.ok("ack", GLUE, "--noise", "--owner", "ann", "--json", *END).json
    assert (answer["act"]["owner"], answer["act"]["noise"], answer["circuits"]) == ("ann", True, [GLUE])
    assert answer["daemon"] is False
    assert "acknowledged as noise" in example.ok("ack", GLUE, "--noise", *END).out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("override", GLUE, "stop", "--for", "2h", "--reason", "x"), "allow, throttle or block"),
        (("override", GLUE, "block", "--reason", "x"), "--until DATE or --for DURATION"),
        (("override", GLUE, "block", "--for", "2 hours", "--reason", "x"), 'write "2h"'),
        (("override", GLUE, "block", "--for", "2h", "--until", "2018-11-01", "--reason", "x"), "not both"),
        (("override", GLUE, "block", "--until", "2018-10-01", "--reason", "x"), "later"),
        (("override", GLUE, "block", "--until", "soon", "--reason", "x"), "2018-12-02T14:00"),
        (("override", GLUE, "block", "--for", "2h", "--reason", "  "), "--reason"),
        (("override", GLUE, "block", "--for", "2h", "--reason", "x", "--owner", ""), "--owner"),
        (("override", GLUE, "block", "--for", "2h"), "--reason"),
        (("override", "services/AWS Glu", "block", "--for", "2h", "--reason", "x"), "did you mean 'services/AWS Glue'"),
        (("expect", GLUE, "--amount", "NaN", "--for", "2d", "--reason", "x"), "--amount"),
        (("expect", GLUE, "--amount", "1,000", "--for", "2d", "--reason", "x"), 'write "1000"'),
        (("expect", GLUE, "--amount", "0", "--for", "2d", "--reason", "x"), "positive"),
        (("clear", "zzz"), "status"),
        (("silence", GLUE, "--reason", "x"), "--until"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    example: Terminal, arguments: tuple[str, ...], says: str
) -> None:
    answer = example.run(*arguments, *END)
    assert answer.code == 2
    assert says in answer.err
    assert "Traceback" not in answer.err
    kinds = {entry["kind"] for entry in example.ok("history", "--json", "--limit", "1000").json}
    assert not kinds & {"override", "expect", "silence", "clear", "ack"}


def test_an_act_does_not_go_back_behind_the_judgement(example: Terminal) -> None:
    answer = example.run("override", GLUE, "block", "--for", "99d", "--reason", "x", "--at", "2018-10-20")
    assert answer.code == 1
    assert "2018-10-31" in answer.err
