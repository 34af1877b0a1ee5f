"""Usage, errors, hostile text, and the edges of a process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloudcircuit import cli
from cloudcircuit.cli import app as app_module
from cloudcircuit.cli.app import app
from cloudcircuit.cli.circuits import Row, circuit_table, exit_code
from cloudcircuit.cli.common import moment, select
from cloudcircuit.cli.show import console, gauge, harmless, plain, spark
from cloudcircuit.errors import UsageError
from cloudcircuit.model import Action, Decision, Mode, Phase, Reason, Severity, WhenStale
from tests.cli.terminal import Terminal
from tests.daemon.process import Place, make_place

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = "a\x1b[31m\x07[bold]b[/bold]\u202e\u2028<script>" + "x" * 500


def decision(circuit: str = "m/a", action: Action = Action.ALLOW, *, stale: bool = False) -> Decision:
    return Decision(
        circuit, "m", "dec_1", 1, NOW, NOW, action, action, Mode.ENFORCE, Severity.INFO, (Reason.HEALTHY,), "fine",
        Phase.CLOSED, NOW, stale, NOW, WhenStale.HOLD, NOW, "USD",
    )  # fmt: skip


# --- usage ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--from", "2018-10-02"),
        ("run", "--to", "2018-10-02"),
        ("run", "--once", "--at", "2018-10-02"),
        ("run", "--from", "2018-10-03", "--to", "2018-10-02"),
        ("run", "--exit-code"),
        ("run", "--at", "yesterday"),
        ("status", "--limit", "-1"),
        ("status", "--no-such-option"),
        ("no-such-command",),
        ("decide",),
    ],
)
def test_wrong_usage_is_two(example: Terminal, arguments: tuple[str, ...]) -> None:
    answer = example.run(*arguments)
    assert answer.code == 2
    assert answer.err
    assert answer.out == ""


def test_without_a_configuration_it_says_where_it_looked(terminal: Terminal) -> None:
    answer = terminal.run("status")
    assert answer.code == 2
    assert "cloudcircuit.toml nor /etc/cloudcircuit/cloudcircuit.toml" in answer.err
    assert "cloudcircuit init" in answer.err


def test_without_a_state_there_is_nothing_to_read_and_none_is_made(terminal: Terminal) -> None:
    terminal.ok("init")
    answer = terminal.run("status")
    assert answer.code == 1
    assert "there is no state" in answer.err
    assert not (terminal.folder / "state").exists()


def test_an_unexpected_error_is_one_line_and_debug_shows_the_trace(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(arguments: list[str]) -> int:
        raise ZeroDivisionError("division\x1b[31m")

    monkeypatch.setattr(app_module, "_run", breaks)
    answer = terminal.run("status")
    assert answer.code == 1
    assert "ZeroDivisionError" in answer.err
    assert "--debug" in answer.err
    assert "Traceback" not in answer.err
    assert "\x1b" not in answer.err
    assert "Traceback" in terminal.run("--debug", "status").err


def test_the_version_and_the_help(terminal: Terminal) -> None:
    from cloudcircuit import __version__

    assert terminal.ok("--version").out == f"cloudcircuit {__version__}\n"
    overview = terminal.ok("--help").out
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.callback.__name__.replace("_", "-")
        line = re.search(rf"^  {name} +(.+)$", overview, re.MULTILINE)
        assert line, name
        assert not line[1].endswith("..."), "its first sentence is too long for the overview"
        assert "--config" in terminal.ok(name, "--help").out or name == "init"


# --- text from outside ------------------------------------------------------------------------------------


def test_nothing_from_outside_moves_a_cursor_or_is_markup() -> None:
    out = console()
    with out.capture() as captured:
        out.print(circuit_table([Row(decision(HOSTILE), None)], 120))
    text = captured.get()
    assert "[bold]" in text
    for char in "\x1b\x07\u202e\u2028":
        assert char not in text
    assert max(map(len, text.splitlines())) <= 120


def test_errors_are_made_harmless() -> None:
    assert harmless("one\n  two\x1b[0m\r\n") == "one\n  two\ufffd[0m"


def test_json_is_json_whatever_is_in_it() -> None:
    value = {"a": float("nan"), "b": HOSTILE, "c": decision(HOSTILE), "d": NOW, "e": (1, {2}), "f": float("inf")}
    text = json.dumps(plain(value), allow_nan=False)
    assert json.loads(text)["c"]["circuit"] == HOSTILE
    assert json.loads(text)["d"] == "2026-03-01T00:00:00Z"
    assert json.loads(text)["a"] is None


# --- small parts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([], 30),  # nothing is known
        ([replace(decision(), reasons=(Reason.CURRENCY_MISMATCH,))], 30),
        ([replace(decision(), reasons=(Reason.NOT_JUDGED,)), decision()], 30),
        ([decision()], 0),
        ([decision(action=Action.THROTTLE), decision()], 10),
        ([decision(action=Action.BLOCK), decision(action=Action.THROTTLE)], 20),
        ([decision(stale=True), decision(action=Action.THROTTLE)], 30),
        ([decision(action=Action.BLOCK, stale=True)], 20),  # stale data never relax a block
        ([decision(action=Action.BLOCK), decision(stale=True)], 20),
    ],
)
def test_the_exit_code_of_the_strictest(answers: list[Decision], code: int) -> None:
    assert exit_code(answers) == code


def test_sparklines() -> None:
    assert spark([0, 1, None, 2, 4]).plain == "▁▃·▅█"
    assert spark([0, 0]).plain == "▁▁"
    assert spark([-5, 10]).plain == "▁█"
    assert spark([]).plain == ""
    assert spark([1, 2], marked={1}).spans[1].style == "red"


@pytest.mark.parametrize(("ratio", "bar"), [(0, "╌" * 10), (0.52, "━" * 5 + "╌" * 5), (7.3, "━" * 10)])
def test_gauges(ratio: float, bar: str) -> None:
    assert gauge(ratio).plain == bar


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2018-12-02", datetime(2018, 12, 2, tzinfo=UTC)),
        ("2018-12-02T14:00", datetime(2018, 12, 2, 14, tzinfo=UTC)),
        ("2018-12-02 14:00:05Z", datetime(2018, 12, 2, 14, 0, 5, tzinfo=UTC)),
        ("2018-12-02T14:00+02:00", datetime(2018, 12, 2, 12, tzinfo=UTC)),
    ],
)
def test_times(text: str, at: datetime) -> None:
    assert moment(text) == at


@pytest.mark.parametrize("text", ["", "now", "2018-13-01", "0001-01-01T00:00+14:00", "12/02/2018"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError):
        moment(text)


def test_names_and_globs() -> None:
    names = ["a/x", "a/y", "b/*"]
    assert select(names, "a/*") == ["a/x", "a/y"]
    assert select(names, "b/*") == ["b/*"]  # its very name comes before the glob
    with pytest.raises(UsageError, match="did you mean 'a/x'"):
        select(names, "A/x")
    with pytest.raises(UsageError, match="knows none yet"):
        select([], "a")


# --- the process ------------------------------------------------------------------------------------------


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """A clean interpreter that has the library alone."""
    folder = Path(cli.__file__).parent.parent.parent
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); from cloudcircuit.cli import main; main()"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == 'The command needs the daemon\'s extra: pip install "cloudcircuit[daemon]"\n'


def test_a_broken_module_of_ours_is_not_called_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudcircuit.cli.app", None)
    with pytest.raises(ImportError, match=r"cloudcircuit\.cli\.app"):
        cli.main()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = make_place(tmp_path)
    place.write("aws")
    return place


def test_a_reader_that_leaves_is_no_error(place: Place) -> None:
    assert place.command("run", "--once").returncode == 0
    line = f"{sys.executable} -m cloudcircuit history --json --limit 100000 | head -c 10"
    done = subprocess.run(line, shell=True, cwd=place.folder, env=place.env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert len(done.stdout) == 10


def test_json_shows_a_source_without_its_marks(place: Place) -> None:
    assert place.command("run", "--once").returncode == 0
    (source,) = json.loads(place.command("status", "--json").stdout)["sources"]
    assert "marks" not in source and "watermark" in source


def test_a_terminal_that_cannot_show_it_gets_question_marks(place: Place) -> None:
    assert place.command("run", "--once").returncode == 0
    env = {**place.env, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "cloudcircuit", "status"]
    done = subprocess.run(command, cwd=place.folder, env=env, capture_output=True, check=True)
    assert b"services/EC2" in done.stdout
    assert b"????" in done.stdout


def test_a_failing_source_is_trouble(place: Place) -> None:
    place.scripts["aws"].say(fail="login refused\x1b[31m", permanent=True)
    done = place.command("run", "--once")
    assert done.returncode == 1
    assert "source aws failed: login refused" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_run_beside_a_daemon_is_refused_and_reading_is_not(place: Place) -> None:
    with place.daemon() as daemon:
        daemon.wait_for("cycle", source="aws")
        done = place.command("run", "--once")
        assert done.returncode == 1
        assert f"process {daemon.process.pid} on" in done.stderr
        assert "services/EC2" in place.command("status").stdout
        assert place.command("backup", "copy.db").returncode == 0
    assert os.path.getsize(place.folder / "copy.db") > 0


def test_a_test_message_goes_through_the_real_channel(place: Place) -> None:
    done = place.command("test-alert", "console")
    assert done.returncode == 0
    assert "test" in done.stdout
    assert "console: sent" in done.stdout
    assert not place.state.exists()  # it owes nothing to anybody
    assert place.command("test-alert", "slack").returncode == 2
    place.write("aws", more='[notifiers.hook]\ntype = "webhook"\nurl = "env:CLOUDCIRCUIT_NOT_SET"\n')
    done = place.command("test-alert", "hook", "--json")
    assert done.returncode == 1
    assert "CLOUDCIRCUIT_NOT_SET" in json.loads(done.stdout)["hook"]
