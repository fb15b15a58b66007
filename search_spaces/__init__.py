"""Which hyper-parameters are searched, and where: YAML presets and the values behind them."""

from search_spaces.reader import entry, load, names
from search_spaces.space import (
    SAMPLERS,
    Choices,
    Conditional,
    Parameter,
    Range,
    SearchSpace,
    Value,
    contains,
    first,
    points,
)

__all__ = [
    "SAMPLERS",
    "Choices",
    "Conditional",
    "Parameter",
    "Range",
    "SearchSpace",
    "Value",
    "contains",
    "entry",
    "first",
    "load",
    "names",
    "points",
]
