import pytest
from pydantic import SecretStr

from service.core import settings as module
from service.core import sqlite
from service.core.settings import (
    PROJECT,
    SECRETS,
    Settings,
    SettingsError,
    file_of,
    load_settings,
    variable_of,
)


def error_lines():
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    return str(caught.value).splitlines()


def test_defaults_need_no_environment():
    settings = load_settings()
    assert (settings.paths, settings.horizon) == (2000, 400)
    assert sqlite.file_of(settings.database) == PROJECT / "var" / "crossings.sqlite"
    assert settings.models_dir == PROJECT / "models"
    assert settings.address == "http://127.0.0.1:8000"


def test_environment_variables_are_read(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSINGS_PORT", "8123")
    monkeypatch.setenv("CROSSINGS_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("CROSSINGS_PUBLIC_URL", "https://forecast.example/")
    settings = load_settings()
    assert settings.port == 8123
    assert settings.database == f"sqlite:///{tmp_path / 'crossings.sqlite'}"
    assert settings.address == "https://forecast.example"
    monkeypatch.setenv("CROSSINGS_DATABASE_URL", "postgresql+psycopg://db/crossings")
    assert load_settings().database == "postgresql+psycopg://db/crossings", "overrides the folder"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PORT", value) for value in ("0", "65536", "eight", "")),
        *(("SEED", value) for value in ("-1", str(2**31))),
        *(("REFIT_HOURS", value) for value in ("0", "nan", "inf", "1e300")),
        *(("CONTACT", value) for value in ("\udcff", "one\ntwo")),
        *(("HOST", ""), ("SOURCE", "hearsay"), ("KEEP_ISSUES_DAYS", "1" + "0" * 30)),
        *(("MAIL_FROM", "a@b.org\r\nBcc: c"), ("PUBLIC_URL", "https://a.example\r\nBcc: c")),
        *(("GOVUK_ASSETS_URL", "ftp://a.example"), ("WEATHER_URL", "https://{host}.example")),
        *(("CORS_ORIGINS", "null"), ("SMTP_HOST", "mail.example.org:25"), ("DIGEST_TIME", "01:30")),
        ("SMTP_CA_FILE", "/nonexistent/ca.pem"),
    ],
)
def test_invalid_setting_error_names_variable_and_value(name, value, monkeypatch):
    monkeypatch.setenv(f"CROSSINGS_{name}", value)
    (line,) = error_lines()
    assert line.startswith(f"CROSSINGS_{name}: ")
    assert repr(value) in line


@pytest.mark.parametrize("host", ["::1", "::"])
def test_ipv6_host_is_bracketed(host):
    assert Settings(host=host).address == f"http://[{host}]:8000"
    assert Settings(host=host).bind == f"[{host}]:8000"


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A temporary folder in place of /run/secrets."""
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    return tmp_path


def test_any_setting_is_read_from_a_file(folder):
    (folder / "crossings_host").write_text("127.0.0.9\n")
    assert load_settings().host == "127.0.0.9"


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_read_from_file_and_hidden(name, folder):
    secret = f"{'postgresql' if name == 'database_url' else 'redis'}://:hush-hush@cache/0"
    (folder / f"crossings_{name}").write_bytes(f"\ufeff{secret}\r\n".encode())
    settings = load_settings()
    value = getattr(settings, name)
    assert (value.get_secret_value() if isinstance(value, SecretStr) else value) == secret
    assert "hush" not in repr(settings) + settings.masked(name)
    assert any("hush" in secret for secret in settings.secrets())


def test_variable_overrides_secret_file(monkeypatch, folder):
    (folder / "crossings_smtp_password").write_text("of the file")
    monkeypatch.setenv("CROSSINGS_SMTP_PASSWORD", "of the variable")
    assert load_settings().smtp_password.get_secret_value() == "of the variable"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a folder", "found a directory"),
        ("a link to nothing", "does not exist"),
        ("a link out", "resolves outside"),
        (b"hush\nhush\n", "expected one line of text"),
        (b" \n", "expected one line of text, found none"),
        (b"\xff\xfehush\n", "can't decode"),
    ],
)
def test_invalid_secret_file_is_one_line_without_its_content(content, message, folder):
    file = folder / "crossings_smtp_password"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content == "a folder":
        file.mkdir()
    else:
        file.symlink_to("/etc/hostname" if content == "a link out" else folder / "gone")
    (line,) = error_lines()
    assert "smtp_password" in line.lower() and message in line
    assert "hush" not in line


@pytest.mark.parametrize("name", ["smtp_password", "grafana_token"])
def test_old_variable_of_a_secret_file_is_rejected(name, monkeypatch):
    variable = f"{variable_of(name)}_FILE"
    monkeypatch.setenv(variable, "/run/secrets/of_old")
    monkeypatch.setenv("CROSSINGS_PORT", "x")
    old, other = error_lines()
    assert old == f"{variable}: no longer read; put the secret into {file_of(name)} instead"
    assert other.startswith("CROSSINGS_PORT: ")


@pytest.mark.parametrize(
    ("name", "value", "end"),
    [
        ("RATE_STORE", "http://:Sekrit@cache", "encoded"),  # a secret is not shown at all
        ("DASK", "tcp://user:Sekrit@h:1", ", found 'tcp://user:********@h:1'"),
        ("PUBLIC_URL", "https://user:Sekrit@h", ", found 'https://user:********@h'"),
        ("WEATHER_URL", "https://h?apikey=Sekrit", ", found 'https://h?********'"),
    ],
)
def test_password_in_an_invalid_setting_is_masked(name, value, end, monkeypatch):
    monkeypatch.setenv(f"CROSSINGS_{name}", value)
    (line,) = error_lines()
    assert line.startswith(f"CROSSINGS_{name}: expected ") and line.endswith(end)


def test_settings_that_look_secret_are_masked():
    words = ("password", "secret", "token", "_key")
    names = {name for name in Settings.model_fields if any(word in name for word in words)}
    names |= {name for name, one in Settings.model_fields.items() if one.annotation is SecretStr}
    assert names - {"rate_per_key"} <= set(SECRETS)


PATHS = [name for name, field in Settings.model_fields.items() if "Path" in str(field.annotation)]


@pytest.mark.parametrize("empty", ["", "  "])
@pytest.mark.parametrize("name", PATHS)
def test_empty_path_means_default(name, empty, monkeypatch):
    """Compose files leave unset paths empty; that must not mean the working directory."""
    assert set(PATHS) == {"var_dir", "models_dir", "series_dir", "fitted_dir", "smtp_ca_file"}
    monkeypatch.setenv(variable_of(name), empty)
    assert getattr(load_settings(), name) == Settings.model_fields[name].default
    assert load_settings().fitted_folder == PROJECT / "models" / "fitted"


@pytest.mark.parametrize(
    ("weather", "source", "is_read"),
    [
        ("auto", "declared", True),
        ("auto", "govuk", True),
        ("auto", "figures", False),
        ("openmeteo", "figures", True),
        ("off", "declared", False),
    ],
)
def test_auto_weather_is_read_with_live_source_only(weather, source, is_read, monkeypatch):
    monkeypatch.setenv("CROSSINGS_WEATHER", weather)
    monkeypatch.setenv("CROSSINGS_SOURCE", source)
    assert load_settings().reads_weather == is_read
    assert Settings.model_fields["weather"].default == "auto"
