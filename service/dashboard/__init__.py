"""The web page."""

__all__ = ["blueprint", "subscriptions"]

from service.dashboard.pages import blueprint
from service.dashboard.subscribe import subscriptions
