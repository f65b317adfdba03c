"""How past forecasts fared."""

from __future__ import annotations

__all__ = ["past_forecasts"]

from typing import Any

from service.dashboard.asked import Asked


def past_forecasts(asked: Asked) -> dict[str, Any]:  # noqa: ARG001
    """Everything that the page Track record shows."""
    return {"record": None}
