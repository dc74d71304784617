"""Latencies as a picture: each label's p50, p90 and p99 as one bar of three shades, on a scale that is logarithmic."""

import math

WIDTH, ROW, LEFT, RIGHT = 900, 26, 290, 120
SHADES = ("#1c5f5a", "#7fb5af", "#cfe3e0")
Quantiles = list[float]  # p50, p90, p99 in milliseconds


def quantiles(seconds: list[float]) -> Quantiles:
    """p50, p90 and p99 in milliseconds."""
    ordered = sorted(seconds)
    return [round(ordered[min(len(ordered) - 1, int(q * len(ordered)))] * 1000, 3) for q in (0.5, 0.9, 0.99)]


def picture(latencies: dict[str, Quantiles]) -> str:
    """SVG. Logarithmic, so that what takes one millisecond can be read beside what takes a hundred."""
    smallest = 10 ** math.floor(math.log10(max(0.01, min(points[0] for points in latencies.values()))))
    largest = max(points[-1] for points in latencies.values())
    scale = (WIDTH - LEFT - RIGHT) / math.log10(max(10.0, largest / smallest))

    def x(value: float) -> float:
        return LEFT + max(0.0, math.log10(max(value, smallest) / smallest)) * scale

    height = ROW * (len(latencies) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fbf8f3"/>',
        '<text x="10" y="18" fill="#22302f">Latency in milliseconds, logarithmic: p50, p90, p99</text>',
    ]
    tick = smallest
    while tick <= largest:
        parts.append(f'<text x="{x(tick):.1f}" y="{height - 6}" fill="#55625f">{tick:g}</text>')
        parts.append(
            f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="26" y2="{height - 20}" stroke="#d8d2c8"/>'
        )
        tick *= 10
    for row, (label, points) in enumerate(latencies.items(), start=1):
        y = row * ROW + 4
        parts.append(f'<text x="10" y="{y + 14}" fill="#22302f">{label}</text>')
        for value, colour in reversed(list(zip(points, SHADES, strict=True))):
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{x(value) - LEFT:.1f}" height="18" fill="{colour}"/>'
            )
        text = " · ".join(f"{value:.1f}" for value in points)
        parts.append(f'<text x="{x(points[-1]) + 6:.1f}" y="{y + 14}" fill="#55625f">{text}</text>')
    return "\n".join([*parts, "</svg>\n"])
