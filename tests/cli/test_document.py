"""docs/commands.md: its examples print what it says, and it leaves no command and no option out."""

from __future__ import annotations

import re
import shlex

from cloudcircuit.cli.app import app
from tests.cli.document import DOCUMENT, examples, printed
from tests.cli.terminal import Terminal

TEXT = DOCUMENT.read_text()


def test_every_example_prints_what_it_says(example: Terminal) -> None:
    """`python -m tests.cli.document` writes them anew; read the difference before you keep it."""
    for command, said in examples(TEXT):
        answer = example.run(*shlex.split(command))
        assert _timeless(printed(answer.out, answer.err, answer.code)) == _timeless(said), command


def _timeless(text: str) -> str:
    text = re.sub(r"each day from \d+ \w+( \d+)? to \d+ \w+", "each day from … to …", text)
    return re.sub(r"[0-9,]+ days behind", "… days behind", text)


def test_every_command_has_its_chapter_and_an_example() -> None:
    chapters = re.findall(r"^## ([a-z-]+)$", TEXT, re.MULTILINE)
    names = [command.callback.__name__.replace("_", "-") for command in app.registered_commands if command.callback]
    assert chapters == names
    assert {command.split()[0] for command, _ in examples(TEXT)} == set(names)


def test_every_option_is_told(terminal: Terminal) -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        options = re.findall(r"--[a-z-]+", terminal.ok(command.callback.__name__.replace("_", "-"), "--help").out)
        missing = {option for option in options if option not in TEXT} - {"--help"}
        assert not missing, (command.callback.__name__, missing)
