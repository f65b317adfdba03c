"""Settings, read once from the environment."""

__all__ = [
    "FOLDER",
    "SECRETS",
    "Settings",
    "SettingsError",
    "file_of",
    "load_settings",
    "variable_of",
]

import os
import re
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as SecretsError

from service.core.secrets import CONTROL_CHARACTERS, MASK, mask_url, passwords_of
from service.core.setting_types import (
    AgentContact,
    DaskScheduler,
    DatabaseUrl,
    Host,
    HttpAddress,
    Origins,
    PublicAddress,
    Rate,
    RateStore,
    Routes,
    Sender,
    Time,
)
from service.core.validation import explain_invalid

PROJECT = Path(__file__).resolve().parents[2]

FOLDER = Path("/run/secrets")
"""Where containers mount secrets: one file per setting, named ``crossings_<setting>``."""
SECRETS = ("rate_store", "database_url", "weather_key", "smtp_password")
"""Settings that may hold a secret: masked when shown; they may be read from a secret file."""


class SettingsError(ValueError):
    """Invalid settings; the message has a line for each."""


class Settings(BaseSettings):
    """Every setting of the service, read from ``CROSSINGS_<NAME>``.

    docs/operations.md says what each means; a test holds that it has them all.
    """

    model_config = SettingsConfigDict(env_prefix="CROSSINGS_", frozen=True, extra="ignore")

    host: Host = Field("127.0.0.1", min_length=1)
    port: int = Field(8000, ge=1, le=65535)
    workers: int = Field(1, ge=1, le=64)
    threads: int = Field(4, ge=1, le=64)
    public_url: PublicAddress = ""
    trusted_proxies: int = Field(0, ge=0, le=10)
    anonymous_reading: Literal["local", "yes", "no"] = "local"
    rate_per_key: Rate = "1200/minute"
    rate_per_address: Rate = "600/minute"
    rate_store: RateStore = Field("memory://", repr=False)
    cors_origins: Origins = ""
    embed_origins: Origins = ""
    contact: str = ""

    var_dir: Path = PROJECT / "var"
    database_url: DatabaseUrl = Field("", repr=False)
    models_dir: Path = PROJECT / "models"
    series_dir: Path = PROJECT / "series"
    fitted_dir: Path | None = None
    keep_versions: int = Field(10, ge=1, le=1000)
    champion_origins: int = Field(26, ge=4, le=260)
    routes: Routes = ""
    source: Annotated[
        Literal["figures", "declared"],
        # The first shipped route declares GOV.UK.
        BeforeValidator(lambda value: "declared" if value == "govuk" else value),
    ] = "declared"
    govuk_url: HttpAddress = "https://www.gov.uk"
    govuk_assets_url: HttpAddress = "https://assets.publishing.service.gov.uk"
    weather: Literal["auto", "openmeteo", "off"] = "auto"
    weather_url: HttpAddress = "https://{service}.open-meteo.com"
    weather_key: SecretStr = SecretStr("")
    agent_contact: AgentContact = Field("", max_length=200)
    fetch_attempts: int = Field(4, ge=1, le=10)
    fetch_seconds: float = Field(60, gt=0, le=3600)
    paths: int = Field(2000, ge=100, le=20_000)
    horizon: int = Field(400, ge=28, le=400)
    seed: int = Field(1, ge=0, lt=2**31)
    stale_after_days: int = Field(3, ge=1, le=3650)
    refit_hours: float = Field(24, gt=0, le=8760)
    fit_seconds: float = Field(300, ge=0, le=86_400)
    fit_memory_mb: int = Field(2048, ge=64, le=2**20)
    dask: DaskScheduler = ""
    keep_issues_days: int = Field(1827, ge=366, le=36_525)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "lines"] = "auto"
    log_requests: Literal["failed", "all"] = "failed"
    tracing: Literal["off", "otlp"] = "off"
    smtp_host: Host = ""
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_ca_file: FilePath | None = None
    smtp_user: str = ""
    smtp_password: SecretStr = Field(SecretStr(""), repr=False)
    smtp_timeout: float = Field(30, gt=0, le=600)
    mail_from: Sender = Field("", max_length=320)
    mail_per_minute: int = Field(1200, ge=1, le=60_000)
    digest_day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "fri"
    digest_time: Time = "15:30"

    @field_validator("*", mode="before")
    @classmethod
    def _require_a_line_of_text(cls, value: Any, info: ValidationInfo) -> Any:
        """Accept one line of text, without the byte-order mark that an editor may have added.

        An empty path means its default, not the current folder.
        """
        if isinstance(value, str):
            value = value.removeprefix("\ufeff")
            if CONTROL_CHARACTERS.search(value):
                raise ValueError("expected one line of text in UTF-8")
            default = cls.model_fields[str(info.field_name)].default
            if isinstance(default, Path | None) and not value.strip():
                return default
        return value

    @property
    def reads_weather(self) -> bool:
        """Whether weather is read."""
        return self.weather == "openmeteo" or (self.weather == "auto" and self.source == "declared")

    @property
    def database(self) -> str:
        """Database URL, with the default filled in."""
        if self.database_url:
            return self.database_url
        from sqlalchemy import URL  # imported here, so that `--help` loads no library

        # Use the library: newer versions treat a "%" in a URL as an escape.
        return str(URL.create("sqlite", database=str(self.var_dir / "crossings.sqlite")))

    @property
    def fitted_folder(self) -> Path:
        """Folder of fitted models, with the default filled in."""
        return self.fitted_dir or self.models_dir / "fitted"

    @property
    def address(self) -> str:
        """Public address of the service, without a trailing slash."""
        return (self.public_url or f"http://{self.bind}").rstrip("/")

    @property
    def bind(self) -> str:
        """Host and port that the web server binds."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def mail_fault(self) -> str:
        """Which setting prevents sending mail, and how; empty if none does."""
        for name in ("smtp_host", "mail_from", "public_url"):
            if not getattr(self, name):
                return f"{variable_of(name)}: needed to send mail, found nothing"
        is_local = self.smtp_host in ("localhost", "127.0.0.1", "::1")
        if self.smtp_security == "none" and self.smtp_user and not is_local:
            return (
                "CROSSINGS_SMTP_SECURITY: expected starttls or tls, since the password would be "
                "sent unencrypted"
            )
        return ""

    def masked(self, name: str) -> str:
        """Return the value of a setting with secrets masked."""
        value = getattr(self, name)
        if isinstance(value, SecretStr):
            return MASK if value else ""
        if name in SECRETS:
            return mask_url(value)
        return "" if value is None else str(value)

    def secrets(self) -> set[str]:
        """Return every secret in these settings; for masking only."""
        values = [getattr(self, name) for name in SECRETS]
        secrets = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
        return secrets.union(*(passwords_of(value) for value in values if isinstance(value, str)))


def load_settings() -> Settings:
    """Read the environment; raise `SettingsError` with one line for each invalid setting."""
    lines = [
        f"{name}: no longer read; put the secret into {file_of(name[10:-5])} instead"
        for name in sorted(os.environ)
        if re.fullmatch(r"CROSSINGS_\w+_FILE", name) and name != "CROSSINGS_SMTP_CA_FILE"
    ]
    files = [file_of(name) for name in Settings.model_fields]
    lines += [
        f"{file}: expected one line of text, found none"
        for file in files
        if file.is_file() and not file.read_bytes().strip()
    ]
    settings = None
    try:
        # It warns of a secret that is no file in the folder.
        with warnings.catch_warnings(action="error", category=UserWarning):
            settings = Settings(_secrets_dir=FOLDER if FOLDER.is_dir() else None)
    except SecretsError as error:
        field = re.search(r'"(\w+)"', str(error))
        file = file_of(field[1]) if field else FOLDER
        lines.append(f"{file}: expected a file of text in UTF-8: {error.__cause__}")
    except ValidationError as error:
        for detail in error.errors():
            name, value = str(detail["loc"][0]), detail["input"]
            if isinstance(value, str):  # its author may have put a password anywhere
                value = ... if name in SECRETS else mask_url(value)
            lines.append(f"{variable_of(name)}: {explain_invalid(detail['msg'], value)}")
    if lines or settings is None:
        raise SettingsError("\n".join(lines)) from None
    return settings


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"CROSSINGS_{name.upper()}"


def file_of(name: str) -> Path:
    """Return the secret file of a setting."""
    return FOLDER / variable_of(name).lower()
