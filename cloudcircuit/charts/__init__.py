"""Charts: numbers in, SVG text out. Nothing here reads, keeps or fetches anything.

A chart is a value (`SpendChart`, `BudgetChart`, `CountChart`), and the `draw_…` function of the same name makes SVG of
it: well-formed XML by itself, with a title and a description, coloured by classes. `css()` has the colours, for light
and for dark; a page carries it once, and `standalone` puts it into a picture that stands alone.
"""

from cloudcircuit.charts.budget import BudgetChart, BudgetPeriod, Fan, budget_range, draw_budget
from cloudcircuit.charts.counts import CountChart, draw_counts
from cloudcircuit.charts.key import draw_key, sample
from cloudcircuit.charts.parts import Level, Mark, Shape, Stretch, Strip
from cloudcircuit.charts.scale import Range, joint
from cloudcircuit.charts.spend import SpendChart, SpendPoint, draw_spend, spend_range
from cloudcircuit.charts.style import css, standalone
from cloudcircuit.charts.svg import SMALL, Size

__all__ = [
    "SMALL",
    "BudgetChart",
    "BudgetPeriod",
    "CountChart",
    "Fan",
    "Level",
    "Mark",
    "Range",
    "Shape",
    "Size",
    "SpendChart",
    "SpendPoint",
    "Stretch",
    "Strip",
    "budget_range",
    "css",
    "draw_budget",
    "draw_counts",
    "draw_key",
    "draw_spend",
    "joint",
    "sample",
    "spend_range",
    "standalone",
]
