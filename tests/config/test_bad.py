"""One bad file for each mistake; what it is told stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudcircuit.config import load
from cloudcircuit.errors import ConfigError
from tests.config.registry import find

BAD = Path(__file__).parent / "bad"
FILES = sorted(BAD.glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_mistake_is_told_in_the_operators_words(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file, find)

    told = [str(problem) for problem in caught.value.problems]
    assert told == file.with_suffix(".expected").read_text(encoding="utf-8").splitlines()


def test_every_bad_file_has_its_expected_words_and_the_other_way_round() -> None:
    assert len(FILES) > 40
    assert {file.stem for file in FILES} == {file.stem for file in BAD.glob("*.expected")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_message_is_pydantics_or_holds_a_secret(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file, find)

    text = str(caught.value) + repr(caught.value) + repr(caught.value.problems)
    assert "hunter2" not in text
    assert "nput should" not in text
    assert "pydantic" not in text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_the_error_says_which_file_and_how_many_problems() -> None:
    with pytest.raises(ConfigError, match=r"many\.toml: 5 problems\n  sources\.aws\.adapter: no adapter") as caught:
        load(BAD / "many.toml", find)

    assert caught.value.file == str(BAD / "many.toml")
