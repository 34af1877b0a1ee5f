"""A plugin registry of two adapters that read nothing, for configurations that are only loaded."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from cloudcircuit.errors import ConfigError, Problem
from cloudcircuit.model import Breakdown, Grain
from cloudcircuit.ports import AdapterContext, AdapterPlugin, CostAdapter


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user: str
    attempts: int = 3


class Options(BaseModel):
    """What the `fake` adapter wants to know."""

    model_config = ConfigDict(extra="forbid")

    path: str
    delivery: Literal["replace", "append"] = "replace"
    ratio: float = 1.0
    login: Login | None = None


class Clashing(BaseModel):
    lag: str = ""


def _open(_options: Options, _context: AdapterContext) -> CostAdapter:
    raise AssertionError("loading a configuration opens no source")


def _unsupported(options: Options, need: Breakdown, _grain: Grain) -> tuple[str, ...]:
    if "resource" in need.dimensions:
        return (f"{options.path} has no resources: leave resource out, or read a FOCUS export",)
    return ()


def _raising(_options: Any, _need: Breakdown, _grain: Grain) -> tuple[str, ...]:
    raise ZeroDivisionError


PLUGINS = {
    "fake": AdapterPlugin("fake", Options, _open, _unsupported),
    "clashing": AdapterPlugin("clashing", Clashing, _open),
    "pacific": AdapterPlugin("pacific", Options, _open, timezone="America/Los_Angeles"),
    "fixed": AdapterPlugin("fixed", Options, _open, cuts_days=True),
    "raising": AdapterPlugin("raising", Options, _open, _raising),
    "silent": AdapterPlugin("silent", Options, _open, scope=lambda options: options.nothing),
    "losing": AdapterPlugin("losing", Options, _open, split=lambda *_: (Breakdown(("region",)),)),
    "mumbling": AdapterPlugin("mumbling", Options, _open, split=lambda *_: ("service",)),  # type: ignore[arg-type]
}


def find(name: str) -> AdapterPlugin:
    if name not in PLUGINS:
        raise ConfigError((Problem("", f'no adapter "{name}" is installed (there are: fake)'),))
    return PLUGINS[name]
