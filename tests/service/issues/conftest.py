import pytest

from service.issues import refit
from tests.service.support import ManualClock, utc


@pytest.fixture
def hand(monkeypatch):
    """The clock of refits, set to the day after the embedded figures."""
    hand = ManualClock(utc(2026, 1, 1, 14))
    monkeypatch.setattr(refit, "utc_now", hand)
    return hand
