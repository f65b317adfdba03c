"""The web page."""

__all__ = ["blueprint"]

from service.dashboard.pages import blueprint
