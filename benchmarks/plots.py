"""Draws the plots of `docs/explanation/performance.md`, as plain SVG.

Colours are picked for light and dark pages: mid-grey text, no background.
"""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from report import Table, number

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
PLOTS = {
    "Fetch, one at a time": "performance-fetch-1.svg",
    "Fetch, 64 at once": "performance-fetch-64.svg",
    "Cache hit, 1,000 entries": "performance-hit.svg",
    "Structure of one answer": "performance-decode.svg",
}
BAR, GAP, LEFT, WIDTH = 20, 8, 300, 380


def draw(tables: Iterable[Table]) -> None:
    FIGURES.mkdir(parents=True, exist_ok=True)
    for table in tables:
        name = PLOTS.get(table.title)
        if name is not None:
            (FIGURES / name).write_text(svg(table))


def svg(table: Table) -> str:
    """Draw one bar a contestant; bars that are too long end open, with their number."""
    rows = sorted(table.rows, key=lambda row: row.value)
    # A few slow ones must not squeeze the rest into nothing.
    longest = min(rows[-1].value, 2.5 * rows[len(rows) // 2].value)
    height = 30 + len(rows) * (BAR + GAP)
    title = f"{table.title} ({table.unit})"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 100} {height}" '
        f'font-family="sans-serif" font-size="13" fill="#808890" role="img" '
        f'aria-label="{escape(title)}">',
        f'<text x="4" y="16" font-weight="bold">{escape(title)}</text>',
    ]
    for index, row in enumerate(rows):
        top = 28 + index * (BAR + GAP)
        colour = "#2f9e6e" if row.name.startswith("nango_client") else "#7b8fb8"
        width = WIDTH * min(row.value, longest) / longest
        more = " …" if row.value > longest else ""
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(row.name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LEFT + width + 6:.1f}" y="{top + 15}">{number(row.value)}{more}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
