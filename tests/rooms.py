"""Which room imports which, read from the code, and the picture of it.

``python tests/rooms.py`` draws `book/_static/rooms.svg` afresh; a test compares the
two, so that the picture cannot grow stale.
"""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "twinprivacy"
PICTURE = ROOT / "book" / "_static" / "rooms.svg"
# From the bottom: what stands in one row knows nothing of its row, and of those above.
ROWS = (
    ("datasets", "estimates"),
    ("breaches", "people"),
    ("twins",),
    ("attacks",),
    ("defences",),
    ("studies",),
    ("figures", "cli", "explorer", "plots"),
)
WORDS = {
    "datasets": "published facts",
    "estimates": "every interval",
    "breaches": "how often, large, costly",
    "people": "simulated cohorts",
    "twins": "what will happen, and what if",
    "attacks": "what is given away",
    "defences": "what helps, and its price",
    "studies": "leaks by volume",
    "plots": "draw a table",
    "figures": "publish and cite",
    "explorer": "numbers on grids",
    "cli": "the command",
}
# Columns that leave room for the lines.
COLUMN = {
    "figures": 0,
    "cli": 1,
    "explorer": 2,
    "breaches": 1,
    "people": 2,
    "datasets": 1,
}
OTHER_COLUMN = 3
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 170, 46, 18, 34, 12


def room_of(module: str) -> str | None:
    """Return the room of a module's dotted name, None for what all rooms share."""
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else ""
    return name if ((PACKAGE / name).is_dir() and name) or name == "cli" else None


@cache
def imports() -> dict[str, frozenset[str]]:
    """Return the rooms that each room imports from, at any depth of its files."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        here = room_of(module)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if here and isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                rooms = {room_of(name) for name in [node.module, *names]}
                found[here] |= {room for room in rooms if room and room != here}
    return {room: frozenset(found[room]) for row in ROWS for room in row}


def reached(room: str) -> frozenset[str]:
    """Return all rooms under a room."""
    return frozenset().union(*({r, *reached(r)} for r in imports()[room]))


def arrows() -> list[tuple[str, str]]:
    """Return who imports whom, without what another arrow says already."""
    return [
        (room, other)
        for room, others in imports().items()
        for other in sorted(others)
        if not any(other in reached(third) for third in others)
    ]


def places() -> dict[str, tuple[float, float]]:
    """Return the upper left corner of each room."""
    return {
        room: (
            MARGIN + COLUMN.get(room, OTHER_COLUMN) * (WIDTH + GAP_X),
            MARGIN + i * (HEIGHT + GAP_Y),
        )
        for i, row in enumerate(reversed(ROWS))
        for room in row
    }


def line(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Draw a line between two boxes: down their middles, or from corner to corner."""
    (x0, y0), (x1, y1) = start, end
    side = (x1 > x0) - (x1 < x0)
    first, last = x0 + WIDTH / 2, x1 + WIDTH / 2
    if y0 == y1:
        first, last = first + side * WIDTH / 2, last - side * WIDTH / 2
        y0, y1 = y0 + HEIGHT / 2, y1 + HEIGHT / 2
    else:
        first += side * (WIDTH / 2 - 2)
        last -= side * (WIDTH / 2 - 2)
        y0 += HEIGHT
    return f'<line x1="{first:g}" y1="{y0:g}" x2="{last:g}" y2="{y1:g}"/>'


def draw() -> str:
    """Return the picture as SVG, readable on a light page and a dark one."""
    where = places()
    right = max(x for x, _ in where.values()) + WIDTH + MARGIN
    bottom = max(y for _, y in where.values()) + HEIGHT + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right:g} {bottom:g}" '
        'role="img" font-family="sans-serif" text-anchor="middle">',
        "<title>Rooms of the package, and which imports from which</title>",
        f'<rect width="{right:g}" height="{bottom:g}" rx="8" fill="#ffffff"/>',
        '<g stroke="#767676" stroke-width="1.3">',
    ]
    lines += [line(where[room], where[other]) for room, other in arrows()]
    lines.append("</g>")
    for room, (x, y) in where.items():
        middle = x + WIDTH / 2
        lines += [
            f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="5" '
            'fill="#eef3f8" stroke="#44617b"/>',
            f'<text x="{middle:g}" y="{y + 19:g}" font-size="14" font-weight="bold" '
            f'fill="#1b2a38">{room}</text>',
            f'<text x="{middle:g}" y="{y + 36:g}" font-size="10.5" '
            f'fill="#33475b">{WORDS[room]}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
