from __future__ import annotations

import io

import numpy as np
from PIL import Image

from service.page.charts import count_bars
from service.page.exhibits import Exhibit, _style, png_of


def draw_pixels(chances: list[float], title: str = "Quiet days") -> np.ndarray:  # type: ignore[type-arg]
    exhibit = Exhibit("x", title, [], (), count_bars(chances, title), (("band80", "80% range"),))
    picture = Image.open(io.BytesIO(png_of(exhibit, "Where it comes from. " * 12)))
    assert picture.format == "PNG"
    return np.asarray(picture.convert("RGB")).astype(int)


def test_png_has_light_colours_and_the_bars() -> None:
    low, high = draw_pixels([0.2, 0.1]), draw_pixels([0.2, 0.2])
    assert low[0, 0].tolist() == [0xFA, 0xF9, 0xF6]
    bar = np.array([0x3F, 0x86, 0xA5])

    def area(picture: np.ndarray) -> int:  # type: ignore[type-arg]
        return int((np.abs(picture - bar).sum(axis=2) < 6).sum())

    assert area(high) / area(low) > 1.3
    assert (np.abs(low - [0xC6, 0xE0, 0xEB]).sum(axis=2) < 6).any(), "the legend"


def test_png_has_title_and_source() -> None:
    picture = draw_pixels([0.5])
    is_dark = picture.sum(axis=2) < 400
    assert is_dark[:80].sum() > 200, "the title"
    assert is_dark[-80:].sum() > 500, "the source"


def test_title_is_escaped() -> None:
    assert draw_pixels([0.5], "<a> & b").shape == draw_pixels([0.5], "other").shape


def test_long_titles_and_legends_take_more_lines() -> None:
    assert len(draw_pixels([0.5], "word " * 60)) > len(draw_pixels([0.5], "word"))
    shares = []
    for number in (1, 9):
        keys = [("band80", f"a key with the number {at}") for at in range(number)]
        exhibit = Exhibit("x", "x", [], (), count_bars([0.5], "x"), keys)
        picture = Image.open(io.BytesIO(png_of(exhibit, "x"))).convert("RGB")
        colour = np.abs(np.asarray(picture).astype(int) - [0xC6, 0xE0, 0xEB]).sum(axis=2)
        shares.append((colour < 6).sum() / number)
    assert abs(shares[1] - shares[0]) < 0.05 * shares[0], "no key is cut off"


def test_png_styles_have_plain_colours() -> None:
    css = _style()
    assert "--" not in css and "currentcolor" not in css.lower()
    assert "stroke: #2c6580" in css
