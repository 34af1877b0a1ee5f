"""`explain`: how one circuit came to its decision, from the numbers that it was judged on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.text import Text

from cloudcircuit.cli import common
from cloudcircuit.cli.show import console, grid, print_json, text
from cloudcircuit.cli.status import lag_line, source_json, source_line
from cloudcircuit.cli.story import Story, lines, tell
from cloudcircuit.errors import UsageError
from cloudcircuit.service.serve import decisions


def explain(
    circuit: Annotated[str, typer.Argument(help="The circuit's name, or a glob that fits one.")],
    at: common.AtOption = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Say why a circuit is what it is.

    The numbers, limits and rules behind its decision, and what would change it.
    """
    with common.looking(config, at) as (opened, now):
        found = {decision.circuit: decision for decision in decisions(opened.house, now)}
        names = common.select(found, circuit)
        if len(names) > 1:
            raise UsageError(f"{circuit!r} fits {len(names)} circuits; name one, such as {names[0]!r}")
        story = tell(opened.house, found[names[0]], now)
        if json:
            print_json(_as_json(story))
        else:
            _print(story, {name: spec.lag for name, spec in opened.house.sources.items()})


def _print(story: Story, lags: Mapping[str, timedelta]) -> None:
    out, found = console(), grid()
    found.columns.clear()
    found.add_column(style="dim", no_wrap=True, min_width=8)
    found.add_column(overflow="fold")
    out.print(text(story.decision.circuit, style="bold", limit=300))
    for label, line in lines(story):
        found.add_row(label, line if isinstance(line, Text) else text(line, limit=600))
    for place, source in enumerate(story.sources):
        found.add_row("" if place else "sources", text(_source(source, story), limit=600))
        if lateness := lag_line(source, lags[source.source]):
            found.add_row("", text(f"  {lateness}", limit=600, style="dim"))
        for meaning in story.scopes.get(source.source, ()):
            found.add_row("", text(f"  {meaning}", limit=600, style="dim"))
    if len(set(story.scopes.values())) > 1:
        found.add_row("", text("These sources do not count alike: their sum is no sum of one kind.", style="yellow"))
    out.print(found)


def _source(source: Any, story: Story) -> str:
    stands_in = "" if source.has_effective else "; it has no EffectiveCost, so BilledCost stands in"
    broken = f"; {len(source.broken)} days have broken rows and stay provisional" if source.broken else ""
    notes = "".join(f"; {note}" for note in source.notes[:3])
    return f"{source.source}: {source_line(source, story.now)}{stands_in}{broken}{notes}"


def _as_json(story: Story) -> dict[str, Any]:
    series = story.series
    known = [i for i, is_known in enumerate(series.known) if is_known] if series else []
    days = (
        [{"at": series.starts[i], "value": series.values[i], "settled": series.settled[i]} for i in known]
        if series
        else []
    )
    return {
        "decision": story.decision,
        "state": story.state,
        "monitor": story.monitor and _rules(story.monitor),
        "baseline": story.baseline(),
        "left_out": story.left_out(),
        "series": days,
        "sources": [source_json(source) for source in story.sources],
        "scopes": story.scopes,
        "obstacle": story.obstacle,
        "acts": story.acts,
    }


def _rules(monitor: Any) -> dict[str, Any]:
    """What of a monitor bears on the decision."""
    names = ("mode", "enforce", "anomaly", "burn_rate", "breaker", "budget", "min_impact", "stale_after", "when_stale")
    return {name: getattr(monitor, name) for name in names}
