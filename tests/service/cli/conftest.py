"""Commands in this process, with given settings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from service.cli.main import group

Invoke = Callable[..., Result]


@pytest.fixture
def invoke_with(monkeypatch):
    """A function that returns one which runs a command with the settings."""

    def prepare(settings):
        monkeypatch.setattr("service.core.settings.load_settings", lambda: settings)
        monkeypatch.setattr("service.core.logs.configure", lambda *_: None)
        return lambda *words, stdin=None: CliRunner().invoke(group, words, input=stdin)

    return prepare
