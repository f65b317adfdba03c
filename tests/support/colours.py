"""Contrast of colours."""

import re


def contrast(one, other):
    """Contrast, as in WCAG 2.2, of colours such as ``rgb(1, 2, 3)`` or ``#010203``."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour):
    """Relative luminance, as in WCAG 2.2."""
    if colour.startswith("#"):
        levels = [*bytes.fromhex(colour[1:])]
    else:
        levels = [int(part) for part in re.findall(r"\d+", colour)[:3]]
    parts = [level / 255 for level in levels]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
