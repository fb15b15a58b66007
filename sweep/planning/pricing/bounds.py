"""A number that is not known exactly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """What is expected of a number that is not negative, and what it hardly falls below or exceeds."""

    low: float
    expected: float
    high: float

    def __add__(self, other: Bounds) -> Bounds:
        return Bounds(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def __mul__(self, factor: Bounds | float) -> Bounds:
        by = factor if isinstance(factor, Bounds) else exactly(factor)
        return Bounds(self.low * by.low, self.expected * by.expected, self.high * by.high)

    __rmul__ = __mul__

    def __truediv__(self, rate: Bounds | float) -> Bounds:
        """What is low lasts shortest at the highest rate."""
        by = rate if isinstance(rate, Bounds) else exactly(rate)
        return Bounds(self.low / by.high, self.expected / by.expected, self.high / by.low)

    def to_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"low": self.low, "expected": self.expected, "high": self.high}


def exactly(value: float) -> Bounds:
    """A number that is known."""
    return Bounds(value, value, value)


def digits(value: float) -> str:
    """Two digits at least, and no more than whole numbers."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


NOTHING = exactly(0)
