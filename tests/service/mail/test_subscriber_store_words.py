from __future__ import annotations

import pytest

from service.mail.subscriber_store import Preferences
from tests.service.support import ROUTE

WEEKLY = "one email a week with the chances of more than 500 people"
WARNING = "an early warning when the chance of more than 500 people in a day in the next 3 days"
END = "reaches 40%, and an email when it no longer does"


@pytest.mark.parametrize(
    ("preferences", "text"),
    [
        (Preferences(500), WEEKLY),
        (Preferences(1), "one email a week with the chances of more than 1 person"),
        (Preferences(500, weekly=False, warn_level=40), f"{WARNING} {END}"),
        (
            Preferences(500, warn_level=40, week_threshold=2000),
            f"{WEEKLY} and {WARNING}, or of more than 2,000 in 7 days, {END}",
        ),
    ],
)
def test_preferences_in_words(preferences: Preferences, text: str) -> None:
    assert preferences.in_words(ROUTE.lead) == text
