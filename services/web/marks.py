"""The small drawn mark of a forum name: shape and colour from the profile's own random seed, never from an alias.

It lets voices be told apart without photographs. Drawn as inline SVG with presentation attributes only, which a strict
content security policy allows. Mid tones, so that it can be seen on paper and on the dark ground (3:1 on both).
"""

import math

from markupsafe import Markup

COLOURS = (
    "#b0563b",
    "#8a6d1f",
    "#4f7f3a",
    "#2f8277",
    "#3a78a8",
    "#6670b8",
    "#8b62ab",
    "#ad5584",
    "#7a7466",
    "#a4662a",
)
PETALS = (3, 4, 5, 6, 7, 8)
HEARTS = ("dot", "ring", "none", "square")


def drawn_mark(seed: int | None) -> Markup:
    """An SVG of 28 by 28 pixels; decorative, so hidden from screen readers (the name stands beside it)."""
    if seed is None:
        return Markup(
            '<svg class="mark" viewBox="0 0 28 28" width="28" height="28" aria-hidden="true">'
            '<circle cx="14" cy="14" r="11" fill="none" stroke="#7a7466" stroke-width="2" stroke-dasharray="3 4"/></svg>'
        )
    number = abs(seed)
    number, colour = divmod(number, len(COLOURS))
    number, petals = divmod(number, len(PETALS))
    number, heart = divmod(number, len(HEARTS))
    turn, slender = (number // 2) % 12 * 30, number % 2
    return Markup(  # noqa: S704 - built from numbers only
        f'<svg class="mark" viewBox="-14 -14 28 28" width="28" height="28" aria-hidden="true" fill="{COLOURS[colour]}">'
        f"{_petals(PETALS[petals], turn, 3.1 if slender else 4.4)}{_heart(HEARTS[heart])}</svg>"
    )


def _petals(count: int, turn: int, width: float) -> str:
    steps = (turn + 360 / count * i for i in range(count))
    return "".join(
        f'<ellipse cx="{8 * math.cos(math.radians(a)):.2f}" cy="{8 * math.sin(math.radians(a)):.2f}" rx="5.4" '
        f'ry="{width}" transform="rotate({a:.1f} {8 * math.cos(math.radians(a)):.2f} {8 * math.sin(math.radians(a)):.2f})"/>'
        for a in steps
    )


def _heart(kind: str) -> str:
    return {
        "dot": '<circle r="4.2" fill="#f6efdf"/>',
        "ring": '<circle r="3.8" fill="none" stroke="#f6efdf" stroke-width="2"/>',
        "square": '<rect x="-3.2" y="-3.2" width="6.4" height="6.4" fill="#f6efdf"/>',
        "none": "",
    }[kind]
