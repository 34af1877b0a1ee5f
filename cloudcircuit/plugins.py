"""Where adapters come from: the entry-point group `cloudcircuit.adapters`, ours and third parties' alike.

An adapter is imported when a source names it, and not before. What is not installed and what is broken are told
apart, for the operator does different things about them.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

from cloudcircuit.errors import ConfigError, Problem
from cloudcircuit.ports import AdapterPlugin

GROUP = "cloudcircuit.adapters"


def names() -> tuple[str, ...]:
    """The adapters that are installed, by name; whether they can be loaded, `load` says."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def load(name: str) -> AdapterPlugin:
    """The adapter of this name. Raises ConfigError when it is not installed, or broken."""
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise _problem(_unknown(name))
    packages = sorted({_package(point) for point in found})
    if len(packages) > 1:
        raise _problem(f'the adapter "{name}" comes with several packages: {", ".join(packages)}; remove all but one')
    return _checked(found[0], _imported(found[0]))


def _problem(message: str) -> ConfigError:
    return ConfigError((Problem("", message),))


def _unknown(name: str) -> str:
    known = names()
    shown = name if name.isprintable() and len(name) <= 60 else ascii(name[:60])
    close = get_close_matches(name[:60], known, n=1)
    if close:
        return f'no adapter "{shown}" is installed; did you mean "{close[0]}"?'
    there = f"there are: {', '.join(known)}" if known else "there is none"
    return f'no adapter "{shown}" is installed ({there}): install the package that brings it, into this environment'


def _imported(point: EntryPoint) -> object:
    try:
        return point.load()
    except ModuleNotFoundError as error:
        missing = error.name or "one that it does not name"
        raise _problem(f'the adapter "{point.name}" needs the module {missing}: {_remedy(point)}') from error
    except Exception as error:
        text = f'the adapter "{point.name}" of {_package(point)} is broken: {type(error).__name__}: {error}'
        raise _problem(text) from error


def _checked(point: EntryPoint, value: object) -> AdapterPlugin:
    if not isinstance(value, AdapterPlugin):
        raise _problem(f'the adapter "{point.name}" of {_package(point)} is broken: {point.value} is no AdapterPlugin')
    if value.name != point.name:
        raise _problem(f'the adapter "{point.name}" of {_package(point)} is broken: it calls itself "{value.name}"')
    for module in value.requires:
        if not _is_there(module):
            raise _problem(f'the adapter "{point.name}" needs the module {module}: {_remedy(point)}')
    return value


def _is_there(module: str) -> bool:
    """Whether a module could be imported; its packages are, it is not."""
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown package"


def _remedy(point: EntryPoint) -> str:
    """What to install: the extra that is named like the adapter, or else the daemon's, if the package has them."""
    extras = point.dist.metadata.get_all("Provides-Extra", []) if point.dist else []
    extra = next((extra for extra in (point.name, "daemon") if extra in extras), "")
    package = f"{_package(point)}[{extra}]" if extra else _package(point)
    return f'pip install "{package}"'
