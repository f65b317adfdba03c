"""What numbers can be asked with."""

from __future__ import annotations

__all__ = ["check_share", "check_whole"]

from service.answers.errors import BadQuestion


def check_whole(name: str, value: int, least: int, most: int) -> None:
    """Raise `BadQuestion` unless `value` lies from `least` to `most`."""
    if not least <= value <= most:
        raise BadQuestion(name, f"a whole number from {least:,} to {most:,}", value)


def check_share(name: str, value: float, least: float, most: float) -> None:
    """Raise `BadQuestion` unless `value` lies from `least` to `most`; NaN does not."""
    if not least <= value <= most:
        raise BadQuestion(name, f"a number from {least} to {most}", value)
