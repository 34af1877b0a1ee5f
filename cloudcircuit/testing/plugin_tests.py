"""The adapter as a value: what it is made of, before it is asked anything."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from zoneinfo import ZoneInfo

from cloudcircuit.model import DIMENSIONS, Breakdown, Grain, Match
from cloudcircuit.ports import AdapterPlugin
from cloudcircuit.testing.bench import Bench
from cloudcircuit.testing.context import MemoryMeter

_IMPORTS = "import sys; sys.path[:] = {path!r}; import {package}; print('\\n'.join(sys.modules))"


class PluginTests(Bench):
    def test_the_plugin_is_a_value(self) -> None:
        assert isinstance(self.plugin, AdapterPlugin), "plugin must be an AdapterPlugin of cloudcircuit.ports"
        assert self.plugin.name.isidentifier(), f"name {self.plugin.name!r}: it stands in configurations; plain letters"
        for part in ("open", "unsupported", "split", "scope"):
            assert callable(getattr(self.plugin, part)), f"{part} must be a function"

    def test_its_zone_and_its_modules_are_there(self) -> None:
        zone = self.plugin.timezone
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError) as error:
            raise AssertionError(f"timezone {zone!r} is no time zone: take a name like America/Los_Angeles") from error
        assert not self.own_zone or zone == self.zones[0], f"it has days of {self.zones[0]}, and timezone is {zone}"
        missing = [name for name in self.plugin.requires if not _is_there(name)]
        assert not missing, f"requires names modules that are not there: {missing}; it takes names as in `import name`"

    def test_the_options_are_a_strict_model(self) -> None:
        from pydantic import BaseModel

        options = self.plugin.options
        assert isinstance(options, type), "options must be a class: a pydantic model"
        assert issubclass(options, BaseModel), "options must be a pydantic model"
        for setting, wanted in (("extra", "forbid"), ("frozen", True)):
            assert options.model_config.get(setting) == wanted, (
                f"options: model_config = ConfigDict(extra='forbid', frozen=True); {setting} is missing"
            )

    def test_a_misspelt_option_is_refused(self) -> None:
        from pydantic import ValidationError

        self.settings()
        try:
            self.plugin.options.model_validate({**self.options, "no_such_option": 1})
        except ValidationError:
            return
        raise AssertionError("an option that does not exist was taken: an operator's typing error must not pass")

    def test_importing_the_adapter_imports_no_sdk(self) -> None:
        code = _IMPORTS.format(path=sys.path, package=self.package)
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own
        assert done.returncode == 0, f"`import {self.package}` fails in a fresh Python:\n{done.stderr[-2000:]}"
        heavy = sorted(set(done.stdout.split()) & set(self.sdks))
        assert not heavy, (
            f"`import {self.package}` imports {', '.join(heavy)}: import them in the function that uses them, for every"
            " command of every user who has the adapter installed waits for it"
        )

    def test_opening_makes_no_call(self) -> None:
        meter = MemoryMeter()
        with self.opened(meter=meter):
            assert not meter.calls, "open made a call: open is free, the first question connects"

    def test_closing_twice_is_fine(self) -> None:
        self.load(self.two_weeks())
        for is_asked in (False, True):
            adapter = self.plugin.open(self.settings(), self.context())
            if is_asked:
                self.fetch(adapter, self.query())
            try:
                adapter.close()
                adapter.close()
            except Exception as error:
                when = "after a question" if is_asked else "before the first question"
                raise AssertionError(
                    f"close() {when} raised {error!r}: it must be harmless, and twice as well"
                ) from error

    def test_scope_is_made_of_sentences(self) -> None:
        scope = self.plugin.scope(self.settings())
        assert _are_sentences(scope), f"scope gave {scope!r}: a tuple of sentences, or an empty one"

    def test_what_it_cannot_answer_it_says_in_sentences(self) -> None:
        for grain in Grain:
            for dimension in (*DIMENSIONS, "tag:team"):
                answer = self.plugin.unsupported(self.settings(), Breakdown((dimension,)), grain)
                assert _are_sentences(answer), (
                    f"unsupported said {answer!r} of {dimension} by the {grain}: a tuple of sentences, each with the"
                    " way out, or an empty one"
                )

    def test_what_the_charges_have_it_can_answer(self) -> None:
        for grain in Grain:
            answer = self.plugin.unsupported(self.settings(), Breakdown(), grain)
            if grain in self.grains:
                assert not answer, f"`grains` names {grain}, and unsupported says: {answer}"
            else:
                assert answer, f"`grains` does not name {grain}: unsupported must say so, with the way out"
        for dimension in self.dimensions:
            value = next(value for value in self.values[dimension] if value is not None)
            filtered = Breakdown((), (Match(dimension, (value,), exact=True),))
            assert dimension in self.groupable or self.can(filtered), (
                f"`values` names {dimension}, and unsupported refuses to group by it and to filter by it"
            )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def _are_sentences(answer: object) -> bool:
    return isinstance(answer, tuple) and all(isinstance(text, str) and len(text.split()) > 2 for text in answer)
