"""The example that a newcomer runs: what the commands say about the bill of October 2018."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cloudcircuit.stores import read_published
from tests.cli.terminal import Terminal

END = "2018-10-31"


def test_the_replay_tells_what_happened_and_ends_with_a_table(replayed: Path) -> None:
    out = (replayed / "out.txt").read_text()
    assert "── 2018-10-11 ──\n▲ AWS Glue has already cost $105.71 on 10 October" in out
    assert "(tripped)" in out
    table = out[out.index("circuit  ") :]
    assert "account" in table.splitlines()[1]
    assert "would block" in table.splitlines()[1]
    assert "of $3,900.00 100%" in table
    assert "█" in table
    assert "17 circuits, none blocked, 1 would be if enforced" in table
    assert table.splitlines()[-1] == "next: cloudcircuit explain account --at 2018-10-31"


def test_the_command_that_it_ends_with_works(example: Terminal) -> None:
    last = (example.folder / "out.txt").read_text().splitlines()[-1]
    command = shlex.split(last.removeprefix("next: cloudcircuit "))
    assert "the budget is used up" in example.ok(*command).out


def test_a_second_replay_does_nothing_twice(example: Terminal) -> None:
    again = example.ok("run", "--from", "2018-10-02", "--to", END)
    assert "30 of 30 steps done before and not again · 0 alerts" in again.out
    assert "tripped" not in again.out[: again.out.index("circuit  ")]


def test_a_replay_goes_on_where_the_last_one_ended(example: Terminal) -> None:
    answer = example.ok("run", "--from", "2018-10-30", "--to", "2018-11-01", "--json").json
    assert (answer["steps"], answer["skipped"]) == (3, 2)
    assert answer["alerts"] == 1  # the new period
    assert answer["failed"] == {}
    assert {circuit["monitor"] for circuit in answer["circuits"]} == {"account", "services"}


def test_a_state_ahead_of_the_replay_is_refused(example: Terminal) -> None:
    for arguments in (("run", "--from", "2018-10-02", "--to", "2018-10-20"), ("run", "--at", "2018-10-20")):
        answer = example.run(*arguments)
        assert answer.code == 1
        assert "2018-10-31" in answer.err
        assert "2018-10-20" in answer.err
    assert example.run("status", "--at", "2018-10-20").code == 1


def test_a_job_ends_with_zero_or_with_the_strictest_code(example: Terminal) -> None:
    assert example.run("run", "--at", END).code == 0
    assert example.run("run", "--at", END, "--exit-code").code == 0  # it observes: allow is served
    config = example.folder / "cloudcircuit.toml"
    config.write_text(config.read_text().replace("[defaults] ", '[defaults]\nmode = "enforce"\n#'))
    assert example.run("run", "--at", "2018-10-31T06:00", "--exit-code").code == 20
    assert example.run("decide", "account", "--at", "2018-10-31T06:00").code == 20


def test_decisions_are_published_for_programs(replayed: Path) -> None:
    published = read_published(replayed / "state" / "cloudcircuit.decisions.json")
    assert published.decisions["account"].would == "block"
    assert published.at.date().isoformat() == END


def test_status_filters_and_limits(example: Terminal) -> None:
    everything = example.ok("status", "--at", END)
    assert everything.out.splitlines()[1].startswith("account")
    assert "source  aws  complete; data until 30 October 00:00 UTC, 24 hours old" in everything.out
    assert "alerts  none owed, none failed" in everything.out
    some = example.ok("status", "services/*Glue", "--at", END).out
    assert "AWS Glue" in some
    assert "Compute" not in some
    opened = example.ok("status", "--open", "--at", END).out
    assert "account" in opened
    assert "Glue" not in opened
    assert "… 15 more circuits" in example.ok("status", "--limit", "2", "--at", END).out


def test_status_as_json(example: Terminal) -> None:
    answer = example.ok("status", "--json", "--at", END).json
    account = answer["circuits"][0]
    assert (account["circuit"], account["would"], account["budget"]) == ("account", "block", "3900")
    assert account["trend"]["until"] == "2018-10-30"
    assert len(account["trend"]["values"]) == 30
    assert answer["sources"][0]["status"] == "complete"
    assert answer["at"] == "2018-10-31T00:00:00Z"


def test_an_old_state_is_stale_and_says_how_to_look_at_it(example: Terminal) -> None:
    answer = example.ok("status", "account")
    assert "stale" in answer.out
    assert "█" in answer.out  # the last days are those of the last reading, not of today
    assert "--at 2018-10-31" in answer.out


@pytest.mark.parametrize(("circuit", "code"), [("services/AWS Glue", 0), ("services/glue", 30)])
def test_decide_answers_with_its_exit_code(example: Terminal, circuit: str, code: int) -> None:
    answer = example.run("decide", circuit, "--at", END)
    assert answer.code == code
    if code:
        assert answer.out == ""
        assert "did you mean 'services/AWS Glue'?" in answer.err
    else:
        assert answer.out == "allow: all safeguards healthy\n"


def test_a_stale_decision_is_thirty(example: Terminal) -> None:
    answer = example.run("decide", "services/AWS Glue")
    assert answer.code == 30
    assert answer.out.startswith("allow, stale: ")


def test_explain_tells_the_whole_story(example: Terminal) -> None:
    story = example.ok("explain", "account", "--at", END).out
    for words in (
        "allow (would block)",
        "the budget is used up (budget_breached)",
        "its monitor only observes",
        "closed; 0 failing days in a row of 2 that open it",
        "29 October cost $155.39 (settled): no failure",
        "28 settled periods from 1 October to 28 October",
        "false alerts accepted: 0.1 a",
        "100%: $3,913.80 of $3,900.00 for October",
        "29 settled days, through 29 October",
        "aws: complete; data until 30 October",
        "stale from 2 November 00:00 UTC on",
    ):
        assert words in story, words
    band = r"expected \$1\d\d\.\d\d \(\$1\d\d\.\d\d to \$1\d\d\.\d\d\); found unusual above \$2\d\d\.\d\d"
    assert re.search(band, story)
    assert "together cost" not in story, "a longer window is told of where it found something"


def test_explain_names_what_was_kept_out_of_the_baseline(example: Terminal) -> None:
    story = example.ok("explain", "services/AWS Glue", "--at", END, "--json").json
    assert story["state"]["phase"] == "closed"
    assert len(story["baseline"]) == 28
    assert story["decision"]["action"] == "allow"
    assert story["series"][-1]["at"] == "2018-10-30T00:00:00Z"
    assert not story["series"][-1]["settled"]
    assert story["state"]["latest"]["at"] == "2018-10-29T00:00:00Z"


def test_history_shows_both_what_happened_and_what_was_told(example: Terminal) -> None:
    words = " ".join(example.ok("history", "account").out.split())
    told = r"allow \(would block\); budget breached; 155\.39 on 2018-10-29 where 1\d\d\.\d\d was expected"
    assert re.search(told, words)
    entries = example.ok("history", "account", "--json").json
    assert entries[-1]["detail"]["told"] == ["tripped"]
    assert example.run("history", "acount").code == 2


def test_the_commands_in_an_alert_can_be_run(example: Terminal) -> None:
    """What an alert says to do next is there, whatever the alert's author thought."""
    from cloudcircuit.engine.payload import _commands
    from cloudcircuit.stores import open_store

    store = open_store(example.folder / "state" / "cloudcircuit.db", create=False)
    state = store.states()["services/AWS Glue"]
    store.close()
    commands = _commands(state)
    assert commands is not None
    for command in commands.values():
        example.ok(*shlex.split(command)[1:])
