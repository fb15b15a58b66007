"""Which hyper-parameters are searched, and where: YAML presets and the values behind them."""

from search_spaces.space import Choices, Parameter, Range, SearchSpace, load, names

__all__ = ["Choices", "Parameter", "Range", "SearchSpace", "load", "names"]
