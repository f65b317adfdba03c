from __future__ import annotations

import logging
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from service.cli.options import WholeNumber, fit_each_route, for_each_route, pass_settings
from service.core.context import Context, open_context
from service.core.files import RegistryError
from service.core.job_runner import JobError
from service.core.settings import Settings, SettingsError
from tests.service.support import Crossings


@click.command()
@click.option("--exclaim", is_flag=True)
@pass_settings
def port(settings: Settings, exclaim: bool) -> None:
    """Print the port."""
    click.echo(
        f"{settings.port}{'!' if exclaim else ''} {logging.getLevelName(logging.root.level)}"
    )


def test_pass_settings_configures_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSINGS_PORT", "8123")
    monkeypatch.setenv("CROSSINGS_LOG_LEVEL", "ERROR")
    assert CliRunner().invoke(port, ["--exclaim"]).output == "8123! ERROR\n"


def test_invalid_settings_stop_a_command_but_not_its_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSINGS_PORT", "x")
    assert "Print the port." in CliRunner().invoke(port, ["--help"]).output
    result = CliRunner().invoke(port, [])
    assert isinstance(result.exception, SettingsError)
    assert result.output == ""


@pytest.mark.parametrize("text", ["1_000", "\u0661\u0662", "1.0", "9" * 30, ""])
def test_whole_number_accepts_ascii_digits_only(text: str) -> None:
    assert WholeNumber(0, 5000).convert(" 1000", None, None) == 1000
    with pytest.raises(click.BadParameter, match="expected a whole number"):
        WholeNumber(0, 5000).convert(text, None, None)


@pytest.mark.parametrize("error", [JobError, RegistryError])
def test_failure_of_a_route_is_raised_after_the_others(
    tmp_path: Path, error: type[RuntimeError]
) -> None:
    context, done = open_context(Settings(var_dir=tmp_path, routes="channel,italy")), list[str]()

    def work(one: Context) -> None:
        if one.route.name == "channel":
            raise error("broken")
        done.append(one.route.name)

    with pytest.raises(JobError, match="^channel: broken$"):
        for_each_route(context, work)
    context.database.close()
    assert done == ["italy"]


def test_unreachable_cluster_is_reported_once_for_all_routes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("service.issues.cluster._SECONDS_TO_CONNECT", 1)
    settings = Settings(var_dir=tmp_path, routes="channel,italy", dask="tcp://127.0.0.1:1")
    context, fitted = open_context(settings), list[str]()
    with pytest.raises(JobError, match=r"^tcp://127.0.0.1:1: expected a Dask scheduler"):
        fit_each_route(context, lambda one: fitted.append(one.route.name) or "")
    context.database.close()
    assert not fitted


@pytest.mark.parametrize(
    "arguments",
    [
        *(["status"], ["status", "--check"], ["keys", "list"], ["keys", "revoke", "planner"]),
        *(["subscribers", "list"], ["subscribers", "remove", "a@example.org"], ["prune"]),
    ],
    ids=" ".join,
)
def test_reading_or_deleting_creates_no_database(
    crossings: Crossings, tmp_path: Path, arguments: list[str]
) -> None:
    done = crossings(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: [^\n]*crossings\.sqlite: no database to \w+\n", done.stderr)
    assert not (tmp_path / "var").exists()
