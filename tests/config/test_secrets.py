"""Secrets are read at use, and never printed."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from cloudcircuit.config import load, secret
from cloudcircuit.errors import ConfigError
from tests.config.registry import find

WORD = "hunter2-" + "x" * 20


def test_from_the_environment_at_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = secret("env:CC_TOKEN", tmp_path)

    monkeypatch.setenv("CC_TOKEN", WORD)
    assert token.reveal() == WORD
    monkeypatch.setenv("CC_TOKEN", "rotated\n")
    assert token.reveal() == "rotated"


def test_from_a_file_at_use(tmp_path: Path) -> None:
    token = secret("file:token", tmp_path)
    file = tmp_path / "token"

    file.write_text(f" {WORD}\r\n")
    assert token.reveal() == f" {WORD}"
    file.write_text("rotated")
    assert token.reveal() == "rotated"
    assert secret(f"file:{file}", Path("/nowhere")).reveal() == "rotated"


def test_it_prints_as_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC_TOKEN", WORD)
    token = secret("env:CC_TOKEN", tmp_path)

    assert f"{token} {token!r} {[token]}" == "<secret> <secret> [<secret>]"


def test_what_is_missing_is_named_by_key_and_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC_TOKEN", raising=False)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text(WORD * 5000)
    (tmp_path / "binary").write_bytes(WORD.encode() + b"\xff")
    os.mkfifo(tmp_path / "pipe")
    expected = {
        "env:CC_TOKEN": "is not set, or empty: export it to the process that runs cloudcircuit",
        "file:gone": "cannot be read: no such file or directory",
        "file:empty": "is empty",
        "file:large": "is larger than 64 KiB",
        "file:binary": "is not UTF-8",
        "file:pipe": "is not a regular file",
        "file:.": "is a folder, not a file",
    }
    for reference, words in expected.items():
        with pytest.raises(ConfigError) as caught:
            secret(reference, tmp_path, "notifiers.chat.url").reveal()
        (problem,) = caught.value.problems
        assert str(problem) == f'notifiers.chat.url: the secret "{reference}" {words}'
        shown = "".join(traceback.format_exception(caught.value))
        assert WORD not in shown


@pytest.mark.parametrize("text", [WORD, "", "env:", "env:A B", "env:1A", "file:", "FILE:x", "file:a\0b", "$TOKEN"])
def test_what_is_no_reference_may_be_the_secret_and_is_not_repeated(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='write "env:NAME" or "file:PATH" here') as caught:
        secret(text, tmp_path)

    assert len(text) < 6 or text not in str(caught.value)


def test_a_configuration_neither_reads_nor_prints_its_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC_HOOK", raising=False)
    (tmp_path / "key").write_text(WORD)
    file = tmp_path / "cc.toml"
    file.write_text(
        '[sources.aws]\nadapter = "fake"\npath = "x"\n[monitors.m]\ncurrency = "USD"\n'
        '[notifiers.hook]\ntype = "webhook"\nurl = "env:CC_HOOK"\nsecret = "file:key"\n'
    )

    config = load(file, find)

    hook = config.notifiers["hook"]
    assert hook.secret is not None
    assert hook.secret.reveal() == WORD
    assert WORD not in repr(config)
    assert hook.url is not None
    with pytest.raises(ConfigError, match=r'notifiers\.hook\.url: the secret "env:CC_HOOK" is not set'):
        hook.url.reveal()
