"""Draws the house from what its modules import: ``python -m tests.support.house``.

A room stands on its floor; an arrow leads to each room that it uses, unless a way through others
leads there too. So the drawing changes when a room or a way does, and not with every import.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise

from tests.test_floors import FLOORS, HEIGHT, ROOT, imports, modules, ours, room

FILE = ROOT / "docs" / "house.svg"
Ways = dict[str, set[str]]
Stop = tuple[int, str]
"""A floor, and a room on it or the way that passes it."""
_WIDTH, _FLOOR, _TALL, _WIDE, _LEFT = 900, 92, 38, 104, 40


def ways() -> Ways:
    """The rooms that each room uses, as the modules say."""
    found: Ways = {one: set() for one in HEIGHT}
    for module, tree in modules().items():
        if room(module):
            used = {room(name) for name in imports(tree) if ours(name)} - {"", room(module)}
            found[room(module)] |= used
    return found


def shortest(found: Ways) -> Ways:
    """Without what is reached through another room anyway."""

    def below(one: str) -> set[str]:
        return found[one].union(*(below(other) for other in found[one]))

    return {
        one: {to for to in used if not any(to in below(other) for other in used - {to})}
        for one, used in found.items()
    }


def draw(found: Ways) -> str:
    """The house as SVG, the top floor first."""
    routes = [_route(one, to) for one, used in sorted(found.items()) for to in sorted(used)]
    place = _places(routes)
    total = len(FLOORS) * _FLOOR
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {total}" role="img"',
        'font-family="system-ui, sans-serif" font-size="14" text-anchor="middle">',
        "<title>The house: each room, its floor, and the rooms that it uses</title>",
    ]
    for height in range(len(FLOORS)):
        y = total - (height + 1) * _FLOOR
        shade = "#eef2f6" if height % 2 else "#f8fafc"
        parts.append(f'<rect y="{y}" width="{_WIDTH}" height="{_FLOOR}" fill="{shade}"/>')
        middle = y + _FLOOR / 2 + 5
        parts.append(f'<text x="18" y="{middle:.0f}" fill="#52606d">{height + 1}</text>')
    parts += [_way([place[stop] for stop in route]) for route in routes]
    for one, height in sorted(HEIGHT.items()):
        x, y = place[height, one]
        parts.append(
            f'<rect x="{x - _WIDE / 2:.0f}" y="{y - _TALL / 2:.0f}" width="{_WIDE}" '
            f'height="{_TALL}" rx="5" fill="#ffffff" stroke="#1f4e79" stroke-width="1.5"/>'
        )
        parts.append(f'<text x="{x:.0f}" y="{y + 5:.0f}" fill="#12263a">{escape(one)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _route(one: str, to: str) -> list[Stop]:
    """From a room down to another, with a stop of its own on each floor between."""
    between = range(HEIGHT[one] - 1, HEIGHT[to], -1)
    return [(HEIGHT[one], one), *((at, f"{one}>{to}") for at in between), (HEIGHT[to], to)]


def _places(routes: list[list[Stop]]) -> dict[Stop, tuple[float, float]]:
    """Where each stop is: below the middle of what leads to it, as far as there is room."""
    place: dict[Stop, tuple[float, float]] = {}
    for height in reversed(range(len(FLOORS))):
        y = (len(FLOORS) - height - 0.5) * _FLOOR
        stops = {(height, one) for one in FLOORS[height]}
        stops |= {stop for route in routes for stop in route if stop[0] == height}
        above = {
            stop: [place[a][0] for route in routes for a, b in pairwise(route) if b == stop]
            for stop in stops
        }
        middle = {stop: sum(xs) / len(xs) if xs else _WIDTH / 2 for stop, xs in above.items()}
        # A way that only passes needs less of the floor than a room.
        need = {stop: 34 if ">" in stop[1] else _WIDE + 16 for stop in stops}
        spare = (_WIDTH - _LEFT - sum(need.values())) / len(stops)
        x = float(_LEFT)
        for stop in sorted(stops, key=lambda stop: (middle[stop], stop)):
            place[stop] = (x + (need[stop] + spare) / 2, y)
            x += need[stop] + spare
    return place


def _way(stops: list[tuple[float, float]]) -> str:
    x, y = stops[0][0], stops[0][1] + _TALL / 2
    line = f"M{x:.0f} {y:.0f}"
    for at, (to_x, to_y) in enumerate(stops[1:], start=2):
        enter = to_y - _TALL / 2
        bend = (enter - y) / 2
        line += f"C{x:.0f} {y + bend:.0f} {to_x:.0f} {enter - bend:.0f} {to_x:.0f} {enter:.0f}"
        x, y = to_x, enter
        if at < len(stops):
            y = to_y + _TALL / 2
            line += f"V{y:.0f}"
    return (
        f'<path d="{line}" fill="none" stroke="#7b8794" stroke-width="1.3"/>'
        f'<path d="M{x - 4:.0f} {y - 7:.0f}L{x:.0f} {y:.0f}L{x + 4:.0f} {y - 7:.0f}Z" '
        'fill="#7b8794"/>'
    )


if __name__ == "__main__":
    FILE.write_text(draw(shortest(ways())), "utf-8")
