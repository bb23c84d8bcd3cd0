"""What the benchmarks share: interleaved rounds, medians, ratios and Markdown tables."""

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Row:
    """One contestant's numbers."""

    name: str
    value: float
    """The median."""
    ratio: float | None = None
    """The median over rounds of value / the reference's value in the same round."""
    reach: float | None = None
    """The bound that ours has to keep, on `ratio` where there is one."""
    quartiles: tuple[float, float] | None = None
    """Between these lies the ratio of half of the rounds."""

    @property
    def verdict(self) -> str:
        if self.reach is None:
            return ""
        reached = (self.value if self.ratio is None else self.ratio) <= self.reach
        return f"≤ {self.reach:g}: " + ("reached" if reached else "**not reached**")

    @property
    def spread(self) -> str:
        return "" if self.quartiles is None else " ({:.2f} to {:.2f})".format(*self.quartiles)


@dataclass
class Table:
    """The result of one benchmark."""

    title: str
    unit: str
    note: str = ""
    rows: list[Row] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        lines = [f"### {self.title}", "", *([self.note, ""] if self.note else [])]
        lines += [f"| contestant | {self.unit} | ratio | reach |", "|---|---:|---:|---|"]
        for row in self.rows:
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}{row.spread}"
            lines.append(f"| {row.name} | {number(row.value)} | {ratio} | {row.verdict} |")
        lines += ["", *(f"Skipped, not installed: {name}." for name in self.skipped)]
        return "\n".join(lines)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def interleave(
    contestants: Mapping[str, Callable[[], float]], rounds: int
) -> list[dict[str, float]]:
    """Measure all contestants once per round, in a new random order each time."""
    names = list(contestants)
    measured: list[dict[str, float]] = []
    for _ in range(rounds):
        random.shuffle(names)
        measured.append({name: contestants[name]() for name in names})
    return measured


def rows(
    measured: Sequence[Mapping[str, float]],
    order: Sequence[str],
    reference: str,
    reach: Mapping[str, float] | None = None,
) -> list[Row]:
    """Sum rounds up: medians, and medians and quartiles of the ratios within each round."""
    summed: list[Row] = []
    for name in order:
        value = statistics.median(one[name] for one in measured)
        ratios = [one[name] / one[reference] for one in measured]
        row = Row(name, value, statistics.median(ratios), (reach or {}).get(name))
        if len(ratios) > 1 and name != reference:
            lower, _, upper = statistics.quantiles(ratios, n=4)
            row.quartiles = lower, upper
        summed.append(row)
    return summed
