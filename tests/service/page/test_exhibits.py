import io

import numpy as np
import pytest
from PIL import Image

from service.page.charts import count_bars
from service.page.exhibits import Exhibit, _style, metadata_of, png_of

PAPER, BAR, BAND = (0xFA, 0xF9, 0xF6), (0x3F, 0x86, 0xA5), (0xC6, 0xE0, 0xEB)


def test_columns_have_descriptions_and_units():
    expected = {
        "date": ("calendar day of the route", None),
        "hi80_3": ("hi end of the 80% range of forecast 3", "boats"),
        "p_quiet_days_at_least": ("the same as p_quiet_days, or more", "probability"),
        "coverage95_lo": ("lower bound of the 95% interval of coverage95", "share"),
        "skill_climatology_lo": ("lo end of the 95% interval of skill_climatology", "share"),
        "model": ("model", None),
        "season": ("change in the mean forecast due to this factor or cause", "boats"),
    }
    exhibit = Exhibit("x", "X", [], list(expected), parts=["season"])
    metadata = metadata_of(exhibit, "boats", "x.csv", {"dc:source": "S"})
    assert (metadata["url"], metadata["dc:title"], metadata["dc:source"]) == ("x.csv", "X", "S")
    columns = metadata["tableSchema"]["columns"]
    described = {c["name"]: (c["dc:description"], c.get("schema:unitText")) for c in columns}
    assert described == expected


@pytest.fixture
def draw(site):
    """A function that returns the pixels of a picture."""

    def draw(chances, title="Quiet days", keys=1):
        legend = [("band80", f"a key with the number {at}") for at in range(keys)]
        exhibit = Exhibit("x", title, [], (), count_bars(chances, title), legend)
        with site.client.application.test_request_context():
            picture = Image.open(io.BytesIO(png_of(exhibit, "Where it comes from. " * 12)))
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB")).astype(int)

    return draw


def count_pixels(picture, colour):
    return int((np.abs(picture - colour).sum(axis=2) < 6).sum())


def test_picture_has_title_legend_bars_and_source(draw):
    low, high = draw([0.2, 0.1]), draw([0.2, 0.2])
    assert tuple(low[0, 0]) == PAPER
    assert count_pixels(high, BAR) / count_pixels(low, BAR) > 1.3
    is_dark = low.sum(axis=2) < 400
    assert is_dark[:80].sum() > 200, "the title"
    assert is_dark[-80:].sum() > 500, "the source"
    keys = [count_pixels(draw([0.5], keys=number), BAND) for number in (1, 9)]
    assert keys[1] == pytest.approx(9 * keys[0], rel=0.05), "no key is cut off"
    assert len(draw([0.5], "word " * 60)) > len(draw([0.5], "word")), "a title is wrapped"
    assert draw([0.5], "<a> & b").shape == draw([0.5], "other").shape


def test_picture_styles_have_plain_colours():
    assert "--" not in _style()
    assert "stroke: #2c6580" in _style()
