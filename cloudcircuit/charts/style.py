"""The colours of charts. Text and lines have a contrast of 4.5 to 1 and more on their ground (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

from collections.abc import Mapping

from cloudcircuit.charts.svg import tag

LIGHT: Mapping[str, str] = {
    "ground": "#ffffff",
    "ink": "#1c2530",
    "soft": "#56616e",
    "grid": "#e4e8ed",
    "before": "#eef2f6",
    "rule": "#9aa5b1",
    "band": "#dce7f3",
    "value": "#1d5fa6",
    "limit": "#8a5a00",
    "alarm": "#b3261e",
    "half": "#a86a00",
    "fan": "#e2dcf3",
    "median": "#6647a8",
}
DARK: Mapping[str, str] = {
    "ground": "#11161d",
    "ink": "#e7ebf0",
    "soft": "#a0acb9",
    "grid": "#262e39",
    "before": "#181f29",
    "rule": "#56616e",
    "band": "#22344a",
    "value": "#7fb6f2",
    "limit": "#dba948",
    "alarm": "#ff8a80",
    "half": "#dba948",
    "fan": "#352d52",
    "median": "#b9a6f0",
}

_FORM = (
    ".chart{font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-variant-numeric:tabular-nums}"
    ".chart path{fill:none;stroke-linejoin:round;stroke-linecap:round}"
    ".chart .name,.chart .note{font-size:11px}"
    ".chart .heading{font-size:15px;font-weight:600}"
    ".chart .value{stroke-width:1.6}"
    ".chart .provisional{stroke-dasharray:2 3}"
    ".chart .expected{stroke-width:1;stroke-dasharray:1 3}"
    ".chart .limit{stroke-width:1.2;stroke-dasharray:6 3}"
    ".chart .median{stroke-width:1.2;stroke-dasharray:4 2}"
    ".chart .border{stroke-dasharray:1 3}"
    ".chart .stem{stroke-width:.7}"
    ".chart .unusual{stroke-width:1}"
)


def css() -> str:
    """The style of all charts; dark on screens that ask for it, light on paper."""
    return f"{_FORM}{_colours(LIGHT)}@media screen and (prefers-color-scheme:dark){{{_colours(DARK)}}}"


def _colours(of: Mapping[str, str]) -> str:
    rules = {
        "text": f"fill:{of['ink']}",
        ".axis text,.chart .name": f"fill:{of['soft']}",
        ".grid line": f"stroke:{of['grid']}",
        ".grid .zero,.chart .axis line": f"stroke:{of['rule']}",
        ".band": f"fill:{of['band']}",
        "path.band,.chart path.fan": "stroke:none",
        ".fan": f"fill:{of['fan']}",
        ".value": f"stroke:{of['value']}",
        ".bar": f"fill:{of['value']}",
        ".expected,.chart .border": f"stroke:{of['soft']}",
        ".limit": f"stroke:{of['limit']}",
        ".median": f"stroke:{of['median']}",
        ".unusual": f"fill:{of['alarm']};stroke:{of['ground']}",
        ".mark path": f"fill:{of['alarm']};stroke:none",
        ".mark .stem": f"stroke:{of['alarm']}",
        ".mark.diamond path": f"fill:{of['limit']}",
        ".mark.diamond .stem": f"stroke:{of['limit']}",
        ".mark circle": f"fill:{of['ground']};stroke:{of['soft']}",
        ".mark.ring .stem": f"stroke:{of['rule']}",
        ".before": f"fill:{of['before']}",
        ".quiet": f"fill:{of['rule']}",
        ".half": f"fill:{of['half']}",
        ".full": f"fill:{of['alarm']}",
        ".ground": f"fill:{of['ground']}",
    }
    return "".join(f".chart {selector}{{{rule}}}" for selector, rule in rules.items())


def standalone(svg: str) -> str:
    """A chart as a file of its own: the same, with its style and its ground within."""
    at = svg.index("</desc>") + len("</desc>")
    ground = tag("rect", class_="ground", width="100%", height="100%")
    return f"{svg[:at]}<style>{css()}</style>{ground}{svg[at:]}\n"
