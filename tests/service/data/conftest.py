"""A fetcher of the local test server, with long timeouts."""

import pytest

from service.data.fetcher import Fetcher
from tests.support.waiting import BOUND


@pytest.fixture
def fetcher(sites):
    return Fetcher(
        contact="https://example.org/contact",
        sites=(sites.url,),
        attempts=3,
        read_seconds=BOUND,
        attempt_seconds=BOUND,
        first_pause_seconds=0.01,
        longest_wait_seconds=1.5,
    )
