"""Fetchers of the local test server, with long and short timeouts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.data.fetcher import Fetcher
from tests.support.sites import Sites
from tests.support.waiting import BOUND


@pytest.fixture
def fetcher(sites: Sites) -> Fetcher:
    return Fetcher(
        contact="https://example.org/contact",
        hosts=frozenset({sites.host}),
        attempts=3,
        connect_seconds=BOUND,
        read_seconds=BOUND,
        attempt_seconds=BOUND,
        all_seconds=BOUND,
        first_pause_seconds=0.01,
        longest_wait_seconds=1.5,
    )


@pytest.fixture
def hurried(fetcher: Fetcher) -> Fetcher:
    """With short timeouts, for responses that never end."""
    return replace(fetcher, read_seconds=0.3, attempt_seconds=0.5)
