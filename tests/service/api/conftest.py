import contextlib
import dataclasses

import pytest

from service.api import key_store
from service.app import create_app
from service.core.settings import Settings
from tests.service import support
from tests.service.support import NOW, ManualClock


def create_key(context, scope="read", expires_at=None):
    with context.database.writing() as connection:
        return key_store.create_key(connection, f"{scope} {expires_at}", scope, NOW, expires_at)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="session")
def open_copy(published, tmp_path_factory):
    """A function that opens a copy of the published database, for fixtures of any scope."""
    usual = {"fitted_dir": published / "fitted", "paths": 200}
    with contextlib.ExitStack() as stack:

        def open_(**settings):
            settings = {"var_dir": tmp_path_factory.mktemp("copy")} | usual | settings
            copy = support.open_copy(published / "after-refit.sqlite", Settings(**settings))
            return stack.enter_context(copy)

        yield open_


@pytest.fixture(scope="session")
def shared(open_copy):
    """The published service without rate limits, for tests that only read."""
    context = open_copy(rate_per_address="", rate_per_key="")
    return create_app(context, ManualClock(NOW)).test_client()


@pytest.fixture
def client_with(context, clock):
    """A function that returns a client of the published service with other settings."""

    def make(**settings):
        changed = context.settings.model_copy(update=settings)
        return create_app(dataclasses.replace(context, settings=changed), clock).test_client()

    return make
