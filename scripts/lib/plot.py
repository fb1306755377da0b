"""Draws the table of ratios."""

import math
from html import escape


def is_met(row):
    if row["goal"] is None:
        return True
    return row["value"] >= row["goal"] if row["atLeast"] else row["value"] <= row["goal"]


def goal(row):
    if row["goal"] is None:
        return "-"
    return f"{'>=' if row['atLeast'] else '<='} {row['goal']:g}"


def plot(table):
    """Draws the ratios as bars with a mark at each goal, on a logarithmic scale because their goals reach 100."""
    bars = [row for row in table if row["atLeast"] and row["value"]]
    left, width, height, line = 430, 330, 22, 30
    low, high = 0.25, 128

    def x(value):
        return left + width * math.log(max(low, min(high, value)) / low) / math.log(high / low)

    parts = []
    for tick in [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128]:
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="34" y2="{40 + line * len(bars)}"/>')
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="28">{tick:g}</text>')
    for index, row in enumerate(bars):
        y = 42 + line * index
        start, end = sorted([x(1), x(row["value"])])
        kind = "met" if is_met(row) else "missed"
        parts.append(f'<text class="case" x="{left - 12}" y="{y + 15}">{escape(row["case"])}</text>')
        parts.append(f'<rect class="{kind}" x="{start:.1f}" y="{y}" width="{max(1, end - start):.1f}" height="{height}"/>')
        # Next to the goal's mark, not under it.
        mark = x(row["goal"]) if row["goal"] else None
        label = max(end, mark) if mark and -4 < mark - end < 40 else end
        parts.append(f'<text class="value" x="{label + 6:.1f}" y="{y + 15}">{row["value"]:.2f}</text>')
        if mark:
            parts.append(f'<line class="goal" x1="{mark:.1f}" x2="{mark:.1f}" y1="{y - 3}" y2="{y + height + 3}"/>')
    total = 60 + line * len(bars)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 {total}" font-family="sans-serif" font-size="12">
<style>
  svg {{ background: #fff }} text {{ fill: #222 }} .case {{ text-anchor: end }} .tick {{ text-anchor: middle; fill: #666 }}
  .grid {{ stroke: #ddd }} .met {{ fill: #2a7f62 }} .missed {{ fill: #c98a2b }} .goal {{ stroke: #222; stroke-width: 2 }}
</style>
<text x="{left}" y="12">times as fast as the peer (line: the goal)</text>
{chr(10).join(parts)}
</svg>
"""
