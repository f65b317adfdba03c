"""Settings, read once from the environment."""

__all__ = ["SECRETS", "Settings", "SettingsError", "load"]

import os
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict
from pydantic_settings import SettingsError as SecretsError

from service.core.secrets import Sealed, file_of, variable
from service.core.setting_types import (
    DatabaseUrl,
    File,
    Folder,
    Host,
    HttpAddress,
    OptionalHttpAddress,
    Origins,
    Sender,
)

# Not between one and two at night: that hour is skipped or repeated once a year.
_CLOCK = r"(0[02-9]|1\d|2[0-3]):[0-5]\d"
_TIME = rf"^{_CLOCK}$"
_TIMES = rf"^({_CLOCK}(,{_CLOCK})*)?$"
_TIMES_OR_DECLARED = rf"^(declared|{_CLOCK}(,{_CLOCK})*)?$"
_RATE = r"^([1-9][0-9]{0,8}/(second|minute|hour|day))?$"
PROJECT = Path(__file__).resolve().parents[2]

SECRETS = ("rate_store", "database_url", "weather_key", "smtp_password")
"""Settings that may hold a secret: masked when shown; they may be read from a secret file."""


class SettingsError(ValueError):
    """Invalid settings; the message has a line for each."""


class Settings(Sealed):
    """Every setting of the service; each is read from ``CROSSINGS_<NAME>``."""

    sealed: ClassVar[tuple[str, ...]] = SECRETS
    model_config = SettingsConfigDict(env_prefix="CROSSINGS_", frozen=True, extra="ignore")

    host: Host = Field("127.0.0.1", description="Address that the web server listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port that the web server listens on.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Number of web worker processes, and of routes fitted in parallel.",
    )
    threads: int = Field(4, ge=1, le=64, description="Threads per web worker.")
    public_url: OptionalHttpAddress = Field(
        "", description="Public address of the service. If empty, host and port."
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="Number of trusted proxies in front of the server. Set it if there is one.",
    )
    anonymous_reading: Literal["local", "yes", "no"] = Field(
        "local",
        description="Who may read without a key. `local`: only this machine, and only if the "
        "server listens on loopback without a proxy.",
    )
    rate_per_key: str = Field(
        "1200/minute", pattern=_RATE, description="Request limit per key. If empty, no limit."
    )
    rate_per_address: str = Field(
        "600/minute",
        pattern=_RATE,
        description="Request limit per address for requests without a key. If empty, no limit.",
    )
    rate_store: str = Field(
        "memory://",
        repr=False,
        pattern=r"^(memory://|rediss?://.+)$",
        description="Where requests are counted: `memory://` (each worker counts separately) or a"
        " `redis://` URL, which needs the extra `redis`.",
    )
    cors_origins: Origins = Field(
        "", description="Origins whose pages may read the API in a browser, separated by commas."
    )
    embed_origins: Origins = Field(
        "",
        description="Origins whose pages may embed charts from `/embed`, separated by commas. If "
        "empty, none.",
    )
    contact: str = Field(
        "", description="Who runs this service and how to contact them, as shown on the page."
    )

    var_dir: Folder = Field(PROJECT / "var", description="Folder for the database and raw files.")
    database_url: DatabaseUrl = Field(
        "",
        repr=False,
        description="SQLite or PostgreSQL URL. If empty, SQLite in the folder `CROSSINGS_VAR_DIR`.",
    )
    models_dir: Folder = Field(
        PROJECT / "models", description="Folder of model declarations (TOML)."
    )
    series_dir: Folder = Field(
        PROJECT / "series", description="Folder of route declarations (TOML)."
    )
    fitted_dir: Folder | None = Field(
        None,
        description="Folder for fitted models. If empty, `fitted` in the folder of model "
        "declarations.",
    )
    keep_versions: int = Field(
        10, ge=1, le=1000, description="Fitted versions of each model to keep on disk."
    )
    champion_origins: int = Field(
        26,
        ge=4,
        le=260,
        description="Number of weekly origins for comparing the champion with challengers.",
    )
    champion_margin: float = Field(
        0.03,
        ge=0,
        lt=1,
        description="How much better a challenger's score must be to become champion, as a share.",
    )
    routes: str = Field(
        "",
        pattern=r"^([a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*)?$",
        description="Names of the routes to serve, separated by commas; the first is the default."
        " If empty, all routes that are enabled in their declarations.",
    )
    source: Annotated[
        Literal["figures", "declared"],
        # The first shipped route declares GOV.UK.
        BeforeValidator(lambda value: "declared" if value == "govuk" else value),
    ] = Field(
        "declared",
        description="Source of new figures. `declared` (or `govuk`): the source that each route "
        "declares. `figures`: only the embedded figures, without network access.",
    )
    govuk_url: HttpAddress = Field("https://www.gov.uk", description="Base URL of GOV.UK.")
    govuk_assets_url: HttpAddress = Field(
        "https://assets.publishing.service.gov.uk",
        description="Base URL of the files that GOV.UK links to. Links to other hosts are not "
        "followed.",
    )
    weather: Literal["auto", "openmeteo", "off"] = Field(
        "auto",
        description="Source of the weather. `openmeteo`: Open-Meteo, free for non-commercial use."
        " `auto`: Open-Meteo if `CROSSINGS_SOURCE` is `declared`, otherwise `off`.",
    )
    weather_url: HttpAddress = Field(
        "https://{service}.open-meteo.com",
        description="Base URL of Open-Meteo; `{service}` stands for the name of each of its hosts.",
    )
    weather_key: SecretStr = Field(
        SecretStr(""), description="Open-Meteo API key. If empty, the free service is used."
    )
    agent_contact: str = Field(
        "",
        max_length=200,
        pattern=r"^[\x21-\x7e]*$",
        description="Contact address in the user agent sent to sources. If empty, "
        "`CROSSINGS_PUBLIC_URL`.",
    )
    fetch_attempts: int = Field(
        4, ge=1, le=10, description="Number of attempts if a site does not answer."
    )
    fetch_seconds: float = Field(
        60, gt=0, le=3600, description="Time limit for each attempt, in seconds."
    )
    fetch_wait_seconds: float = Field(
        120, ge=0, le=3600, description="Longest wait that a site may request, in seconds."
    )
    raw_keep_days: int = Field(
        90, ge=1, le=3650, description="Days to keep source documents in their original form."
    )
    paths: int = Field(2000, ge=100, le=20_000, description="Sample paths per model.")
    horizon: int = Field(400, ge=28, le=400, description="Days to simulate after the day of issue.")
    seed: int = Field(1, ge=0, lt=2**31, description="Seed for the simulations.")
    stale_after_days: int = Field(
        3,
        ge=1,
        le=3650,
        description="Age of the latest figures, in days, after which answers are marked as stale.",
    )
    refit_hours: float = Field(
        24, gt=0, le=8760, description="Hours between refits when no new figures arrive."
    )
    fit_seconds: float = Field(
        300,
        ge=0,
        le=86_400,
        description="Time limit for fitting one model, in seconds. 0: no limit, and no separate "
        "process.",
    )
    fit_memory_mb: int = Field(
        2048, ge=64, le=2**20, description="Memory limit for fitting one model, in MB."
    )
    dask: str = Field(
        "",
        pattern=r"^((tcp|tls)://\S+:\d+)?$",
        description="Scheduler of a Dask cluster for fitting models, such as "
        "`tcp://scheduler:8786`. If empty, models are fitted on this machine.",
    )
    ingest_times: str = Field(
        "declared",
        pattern=_TIMES_OR_DECLARED,
        description="Times to read figures, in the time zone of each route. `declared`: the times"
        " that each route declares.",
    )
    ingest_times_weekend: str = Field(
        "declared",
        pattern=_TIMES_OR_DECLARED,
        description="Additional times at weekends.",
    )
    ingest_again_minutes: Literal[5, 6, 10, 12, 15, 20, 30] = Field(
        20,
        description="Minutes until the next attempt while yesterday's figure is not published.",
    )
    ingest_until_hour: int = Field(
        21, ge=1, le=24, description="Hour at which attempts end, local time."
    )
    weather_times: str = Field(
        "05:25,11:25,17:25,23:25",
        pattern=_TIMES,
        description="Times to read the weather, local time.",
    )
    prune_time: str = Field(
        "03:40", pattern=_TIME, description="Time to delete old records, local time."
    )
    catch_up_hours: float = Field(
        24, ge=1, le=168, description="How late a missed run may start, in hours."
    )
    keep_issues_days: int = Field(
        1827, ge=366, le=36_525, description="Days to keep issues and their scores."
    )
    keep_runs_days: int = Field(
        400, ge=30, le=36_525, description="Days to keep records of runs and job requests."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Minimum severity to log."
    )
    log_format: Literal["auto", "json", "lines"] = Field(
        "auto", description="Log format. `auto`: plain lines on a terminal, otherwise JSON."
    )
    log_requests: Literal["failed", "all"] = Field(
        "failed", description="Which requests to log. `failed`: those answered with 5xx."
    )
    tracing: Literal["off", "otlp"] = Field(
        "off",
        description="`otlp`: export request spans to an OpenTelemetry collector, configured by "
        "the standard `OTEL_*` variables.",
    )
    smtp_host: Host = Field("", description="SMTP server. If empty, no email is sent.")
    smtp_port: int = Field(587, ge=1, le=65535, description="SMTP port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`starttls`, `tls` or `none`. The first two check certificates."
    )
    smtp_ca_file: File | None = Field(
        None,
        description="CA certificates (PEM) for checking the SMTP server. If empty, the system's.",
    )
    smtp_user: str = Field("", description="SMTP user name. If empty, no login.")
    smtp_password: SecretStr = Field(SecretStr(""), description="SMTP password.", repr=False)
    smtp_timeout: float = Field(
        30, gt=0, le=600, description="Time limit for each SMTP response, in seconds."
    )
    mail_from: Sender = Field(
        "",
        max_length=320,
        description="Sender, such as `name@example.org` or `Some Name <name@example.org>`.",
    )
    mail_list_id: str = Field(
        "",
        pattern=r"^([A-Za-z0-9-]+\.)*[A-Za-z0-9-]*$",
        description="Name in the `List-Id` header. If empty, `crossings-weekly.` and the sender's"
        " domain.",
    )
    mail_per_minute: int = Field(
        1200, ge=1, le=60_000, description="Maximum number of emails per minute."
    )
    digest_day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = Field(
        "fri", description="Day of the weekly email."
    )
    digest_time: str = Field(
        "15:30",
        pattern=_TIME,
        description="Time of the weekly email, local time; choose one after the day's refit.",
    )

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


def load() -> Settings:
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
            value = "a value that is not shown" if name in SECRETS else repr(detail["input"])
            message = detail["msg"].removeprefix("Value error, ")
            lines.insert(number, f"{variable(name)}: {message}, found {value}")
    if lines:
        raise SettingsError("\n".join(lines)) from None
    return settings
