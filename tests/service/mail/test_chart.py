import io

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import StepPatch
from PIL import Image

from service.mail import chart
from service.mail.chart import THEMES, draw
from tests.support.colours import contrast


def make_content(past, hi):
    days = [
        {"date": f"2026-01-{at + 1:02}", "median": 0}
        | {f"lo{level}": 0 for level in (50, 80, 95)}
        | {f"hi{level}": hi for level in (50, 80, 95)}
        for at in range(20)
    ]
    rows = [{"date": f"2025-12-{at + 4:02}", "value": value} for at, value in enumerate(past)]
    return {"past": rows, "days": days, "waiting": [], "unit": "people"}


def read_corner(png):
    with Image.open(io.BytesIO(png)) as image:
        pixel = image.convert("RGB").getpixel((1, 1))
    assert isinstance(pixel, tuple)
    return tuple(map(int, pixel))


@pytest.mark.parametrize(("past", "hi"), [([0] * 28, 0), ([1200] * 28, 4000), ([3, 0, 70], 1)])
def test_chart_is_small_with_its_own_background(past, hi):
    light, dark = draw(make_content(past, hi)).values()
    assert len(light) < 30_000 and len(dark) < 30_000
    assert min(read_corner(light)) > 240
    assert max(read_corner(dark)) < 60


@pytest.mark.parametrize("theme", THEMES)
def test_chart_can_be_read_without_colour(theme):
    content = make_content([0] * 28, 90)
    content |= {"waiting": content["days"][:2], "days": content["days"][2:]}
    colours = THEMES[theme]
    figure = chart._draw(content, colours)
    (axes,) = figure.axes
    bands = [part for part in axes.patches if isinstance(part, StepPatch) and part.get_fill()]
    waiting = colours["waiting"]
    fills = [to_hex(part.get_facecolor()) for part in bands]
    for part in bands:
        edge = to_hex(part.get_edgecolor())
        assert all(contrast(edge, fill) >= 3 for fill in (*fills, waiting, colours["paper"]))
    assert [part.get_linestyle() for part in bands] == [(0, (3, 3)), "solid", "solid"]
    (today,) = axes.texts
    assert (today.get_text(), today.get_position()[0]) == ("today", 30)
