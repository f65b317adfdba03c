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

import ipaddress
import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as SecretsError

from service.core.secrets import CONTROL_CHARACTERS, MASK, mask_url, passwords_of
from service.core.setting_types import (
    AgentContact,
    DaskScheduler,
    DatabaseUrl,
    DeclaredOrTimes,
    File,
    Folder,
    Host,
    HttpAddress,
    ListId,
    Origins,
    PublicAddress,
    Rate,
    RateStore,
    Routes,
    Sender,
    Time,
    Times,
)
from service.core.validation import explain_invalid

PROJECT = Path(__file__).resolve().parents[2]

FOLDER = Path("/run/secrets")
"""Where containers mount secrets: one file per setting, named ``crossings_<setting>``."""
SECRETS = ("rate_store", "database_url", "weather_key", "smtp_password")
"""Settings that may hold a secret: masked when shown; they may be read from a secret file."""


class SettingsError(ValueError):
    """Invalid settings; the message has a line for each."""


class _SecretFiles(SecretsSettingsSource):
    """Settings from the files in `FOLDER`; a file that cannot be read is an error."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        file = file_of(field_name)
        try:
            if file.is_symlink():
                file.stat()  # a link to nothing is no missing file
            with warnings.catch_warnings(action="error"):  # if it is a folder, or a link leads out
                value, key, is_complex = super().get_field_value(field, field_name)
        except UnicodeDecodeError:
            raise ValueError(f"{file}: expected a file in UTF-8") from None
        except (OSError, UserWarning) as error:
            reason = getattr(error, "strerror", None) or "it is not a file in that folder"
            raise ValueError(f"{file}: expected a file that can be read ({reason})") from None
        if value is not None:
            value = value.removeprefix("\ufeff").strip()
            if len(value.splitlines()) != 1:
                lines = len(value.splitlines()) or "no"
                raise ValueError(f"{file}: expected one line of text, found {lines} lines")
        return value, key, is_complex


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

    var_dir: Folder = PROJECT / "var"
    database_url: DatabaseUrl = Field("", repr=False)
    models_dir: Folder = PROJECT / "models"
    series_dir: Folder = PROJECT / "series"
    fitted_dir: Folder | None = None
    keep_versions: int = Field(10, ge=1, le=1000)
    champion_origins: int = Field(26, ge=4, le=260)
    champion_margin: float = Field(0.03, ge=0, lt=1)
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
    fetch_wait_seconds: float = Field(120, ge=0, le=3600)
    raw_keep_days: int = Field(90, ge=1, le=3650)
    paths: int = Field(2000, ge=100, le=20_000)
    horizon: int = Field(400, ge=28, le=400)
    seed: int = Field(1, ge=0, lt=2**31)
    stale_after_days: int = Field(3, ge=1, le=3650)
    refit_hours: float = Field(24, gt=0, le=8760)
    fit_seconds: float = Field(300, ge=0, le=86_400)
    fit_memory_mb: int = Field(2048, ge=64, le=2**20)
    dask: DaskScheduler = ""
    ingest_times: DeclaredOrTimes = "declared"
    ingest_times_weekend: DeclaredOrTimes = "declared"
    ingest_until_hour: int = Field(21, ge=1, le=24)
    weather_times: Times = "05:25,11:25,17:25,23:25"
    keep_issues_days: int = Field(1827, ge=366, le=36_525)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "lines"] = "auto"
    log_requests: Literal["failed", "all"] = "failed"
    tracing: Literal["off", "otlp"] = "off"
    smtp_host: Host = ""
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_ca_file: File | None = None
    smtp_user: str = ""
    smtp_password: SecretStr = Field(SecretStr(""), repr=False)
    smtp_timeout: float = Field(30, gt=0, le=600)
    mail_from: Sender = Field("", max_length=320)
    mail_list_id: ListId = ""
    mail_per_minute: int = Field(1200, ge=1, le=60_000)
    digest_day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "fri"
    digest_time: Time = "15:30"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment variables take precedence over the files in `FOLDER`."""
        if not FOLDER.is_dir():
            return (init_settings, env_settings)
        files = _SecretFiles(settings_cls, FOLDER, case_sensitive=True, env_prefix="crossings_")
        return (init_settings, env_settings, files)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_paths(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Ignore empty paths, which would mean the current folder."""
        fields = cls.model_fields
        is_path = {name: isinstance(fields[name].default, Path | None) for name in fields}
        return {
            name: value
            for name, value in values.items()
            if not (is_path.get(name) and isinstance(value, str) and not value.strip())
        }

    @field_validator("*", mode="before")
    @classmethod
    def _require_a_line_of_text(cls, value: Any, info: ValidationInfo) -> Any:
        """Accept one line of text; drop the byte-order mark that an editor may have added."""
        if isinstance(value, str):
            value = value.removeprefix("\ufeff")
            if CONTROL_CHARACTERS.search(value):
                raise ValueError("expected one line of text in UTF-8")
            kind = cls.model_fields[str(info.field_name)].annotation
            if kind in (int, float) and "_" in value:
                raise ValueError("expected a number without _")  # 8_000 would be read as 8000
            if kind is int and "." in value:
                raise ValueError("expected a whole number")  # 8000.0 would be read as 8000
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
        if self.smtp_security == "none" and self.smtp_user and not _is_local(self.smtp_host):
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
        if name.startswith("CROSSINGS_") and name.endswith("_FILE") and os.environ[name]
        if name[10:].lower() not in Settings.model_fields
    ]
    try:
        settings = Settings()
    except SecretsError as error:
        lines.append(str(error.__cause__ or error))
    except ValidationError as error:
        for number, detail in enumerate(error.errors()):
            name = "_".join(map(str, detail["loc"]))
            value = detail["input"]
            if isinstance(value, str):  # its author may have put a password anywhere
                value = mask_url(value)
            message = explain_invalid(detail["msg"], value, is_secret=name in SECRETS)
            lines.insert(number, f"{variable_of(name)}: {message}")
    if lines:
        raise SettingsError("\n".join(lines)) from None
    return settings


def _is_local(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"CROSSINGS_{name.upper()}"


def file_of(name: str) -> Path:
    """Return the secret file of a setting."""
    return FOLDER / variable_of(name).lower()
