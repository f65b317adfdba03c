"""What the tests of sources share: a fetcher in a hurry."""

from __future__ import annotations

import pytest

from service.sources.http import Fetcher
from tests.support.sites import Sites


@pytest.fixture
def fetcher(sites: Sites) -> Fetcher:
    return Fetcher(
        contact="https://example.org/contact",
        hosts=frozenset({sites.host}),
        attempts=3,
        connect_seconds=1,
        read_seconds=0.3,
        attempt_seconds=0.5,
        all_seconds=5,
        first_pause_seconds=0.01,
        longest_wait_seconds=1.5,
    )
