"""Settings, read once from the environment."""

from __future__ import annotations

__all__ = ["SECRETS", "Settings", "SettingsError", "load"]

import os
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict
from pydantic_settings import SettingsError as SecretsError

from service.core.secrets import Sealed, file_of, variable
from service.core.setting_types import (
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

    host: Host = Field("127.0.0.1", description="Address that the web server binds.")
    port: int = Field(8000, ge=1, le=65535, description="Port that the web server binds.")
    workers: int = Field(
        1, ge=1, le=64, description="Web worker processes, and routes fitted at once."
    )
    threads: int = Field(4, ge=1, le=64, description="Threads of each web worker.")
    public_url: OptionalHttpAddress = Field(
        "", description="Address under which readers reach the service; empty: host and port."
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="Proxies before the web server whose forwarded addresses are believed; "
        "set it whenever there is one.",
    )
    anonymous_reading: Literal["local", "yes", "no"] = Field(
        "local",
        description="Who may read without a key; `local`: who asks from this machine a server "
        "bound to loopback, with no proxy between.",
    )
    rate_per_key: str = Field(
        "1200/minute", pattern=_RATE, description="Requests that one key may make; empty: any."
    )
    rate_per_address: str = Field(
        "600/minute",
        pattern=_RATE,
        description="Requests that one address may make without a key; empty: any.",
    )
    rate_store: str = Field(
        "memory://",
        repr=False,
        pattern=r"^(memory://|rediss?://.+)$",
        description="Where requests are counted: `memory://`, each worker for itself, or a "
        "`redis://` URL, which needs the extra `redis`.",
    )
    cors_origins: Origins = Field(
        "", description="Origins, with commas between, whose pages may read the API in a browser."
    )
    embed_origins: Origins = Field(
        "",
        description="Origins, with commas between, whose pages may frame a chart under `/embed`; "
        "empty: none.",
    )
    contact: str = Field(
        "", description="Who runs this copy and how to reach them, as the page says it."
    )

    var_dir: Folder = Field(PROJECT / "var", description="Folder for the database and raw files.")
    database_url: str = Field(
        "",
        repr=False,
        description="URL of SQLite or PostgreSQL; empty: SQLite in the folder `CROSSINGS_VAR_DIR`.",
    )
    models_dir: Folder = Field(
        PROJECT / "models", description="Folder of the declared models (TOML)."
    )
    series_dir: Folder = Field(
        PROJECT / "series", description="Folder of the declared series (TOML)."
    )
    fitted_dir: Folder | None = Field(
        None, description="Folder of the fitted versions; empty: `fitted` in the models' folder."
    )
    keep_versions: int = Field(
        10, ge=1, le=1000, description="Fitted versions of each model that are kept on disk."
    )
    champion_origins: int = Field(
        26, ge=4, le=260, description="Weekly origins on which champion and challengers compare."
    )
    champion_margin: float = Field(
        0.03,
        ge=0,
        lt=1,
        description="Share by which a challenger's score must be better to become champion.",
    )
    routes: str = Field(
        "",
        pattern=r"^([a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*)?$",
        description="Names of the declared routes that are served, the first as the default; "
        "empty: those that are not declared as off.",
    )
    source: Annotated[
        Literal["figures", "declared"],
        # The first shipped route declares GOV.UK.
        BeforeValidator(lambda value: "declared" if value == "govuk" else value),
    ] = Field(
        "declared",
        description="Where new figures come from: `declared`, or `govuk`, the source that each "
        "route declares; `figures`, nowhere: nobody is asked, and the embedded ones are served.",
    )
    govuk_url: HttpAddress = Field("https://www.gov.uk", description="Where GOV.UK is.")
    govuk_assets_url: HttpAddress = Field(
        "https://assets.publishing.service.gov.uk",
        description="Where the files are that GOV.UK links to; no other host is asked.",
    )
    weather: Literal["auto", "openmeteo", "off"] = Field(
        "auto",
        description="Where the weather comes from; `openmeteo`: Open-Meteo, free of charge for "
        "non-commercial use; `auto`: the same where `CROSSINGS_SOURCE` is `declared`, else "
        "nowhere.",
    )
    weather_url: HttpAddress = Field(
        "https://{service}.open-meteo.com",
        description="Where Open-Meteo is, with `{service}` for the name of each of its hosts.",
    )
    weather_key: SecretStr = Field(
        SecretStr(""), description="Key of a customer of Open-Meteo; empty: the free service."
    )
    agent_contact: str = Field(
        "",
        max_length=200,
        pattern=r"^[\x21-\x7e]*$",
        description="Address told to the sites that are read; empty: `CROSSINGS_PUBLIC_URL`.",
    )
    fetch_attempts: int = Field(
        4, ge=1, le=10, description="How often a site that does not answer is asked."
    )
    fetch_seconds: float = Field(
        60, gt=0, le=3600, description="Bound of one attempt to fetch something, in seconds."
    )
    fetch_wait_seconds: float = Field(
        120, ge=0, le=3600, description="Longest pause that a site may ask for, in seconds."
    )
    raw_keep_days: int = Field(
        90, ge=1, le=3650, description="Days that the bytes of documents are kept as they came."
    )
    paths: int = Field(2000, ge=100, le=20_000, description="Sample paths of each model.")
    horizon: int = Field(
        400, ge=28, le=400, description="Days beyond the day of issue that are simulated."
    )
    seed: int = Field(1, ge=0, lt=2**31, description="Seed of the simulations.")
    stale_after_days: int = Field(
        3,
        ge=1,
        le=3650,
        description="Age of the newest figure, in days, beyond which answers are stale.",
    )
    refit_hours: float = Field(
        24,
        gt=0,
        le=8760,
        description="Hours between the scheduler's refits when no new figure arrives.",
    )
    fit_seconds: float = Field(
        300,
        ge=0,
        le=86_400,
        description="Seconds that the fit of one model may take; 0: any, and in the process "
        "that asks for it.",
    )
    fit_memory_mb: int = Field(
        2048, ge=64, le=2**20, description="Memory that the fit of one model may use, in MB."
    )
    dask: str = Field(
        "",
        pattern=r"^((tcp|tls)://\S+:\d+)?$",
        description="Scheduler of a Dask cluster that fits the models, such as "
        "`tcp://scheduler:8786`; empty: processes of this machine.",
    )
    ingest_times: str = Field(
        "declared",
        pattern=_TIMES_OR_DECLARED,
        description="Times at which figures are read, in the time zone of each route; `declared`: "
        "those that it declares.",
    )
    ingest_times_weekend: str = Field(
        "declared",
        pattern=_TIMES_OR_DECLARED,
        description="The same at weekends, beside those of every day.",
    )
    ingest_again_minutes: Literal[5, 6, 10, 12, 15, 20, 30] = Field(
        20,
        description="Minutes after which the source is asked again while it lacks the day before.",
    )
    ingest_until_hour: int = Field(
        21, ge=1, le=24, description="Hour until which it is asked again, local time."
    )
    weather_times: str = Field(
        "05:25,11:25,17:25,23:25",
        pattern=_TIMES,
        description="Times at which the weather is read, local time.",
    )
    prune_time: str = Field(
        "03:40", pattern=_TIME, description="Time at which what is too old is deleted, local time."
    )
    catch_up_hours: float = Field(
        24, ge=1, le=168, description="Age in hours up to which a missed run is caught up."
    )
    keep_issues_days: int = Field(
        1827, ge=366, le=36_525, description="Days that issues and their scores are kept."
    )
    keep_runs_days: int = Field(
        400, ge=30, le=36_525, description="Days that the rows of runs and requests are kept."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severity that is logged."
    )
    log_format: Literal["auto", "json", "lines"] = Field(
        "auto", description="Form of the log; `auto`: lines to read on a terminal, JSON elsewhere."
    )
    log_requests: Literal["failed", "all"] = Field(
        "failed", description="Requests that are logged; `failed`: those answered 5xx."
    )
    tracing: Literal["off", "otlp"] = Field(
        "off",
        description="`otlp`: spans of requests go to an OpenTelemetry collector, as the standard "
        "variables `OTEL_*` say.",
    )
    smtp_host: Host = Field("", description="SMTP server that takes the mail; empty: no mail.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the SMTP server.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`starttls`, `tls` or `none`; the first two check certificates."
    )
    smtp_ca_file: File | None = Field(
        None, description="Certificates (PEM) to check the server's by; empty: the system's."
    )
    smtp_user: str = Field("", description="User at the SMTP server; empty: no login.")
    smtp_password: SecretStr = Field(
        SecretStr(""), description="Password of that user.", repr=False
    )
    smtp_timeout: float = Field(
        30, gt=0, le=600, description="Seconds that the SMTP server may take for each answer."
    )
    mail_from: Sender = Field(
        "",
        max_length=320,
        description="Sender, as `name@example.org` or `Some Name <name@example.org>`.",
    )
    mail_list_id: str = Field(
        "",
        pattern=r"^([A-Za-z0-9-]+\.)*[A-Za-z0-9-]*$",
        description="Name in `List-Id`; empty: `crossings-weekly.` and the sender's domain.",
    )
    mail_per_minute: int = Field(
        1200, ge=1, le=60_000, description="Most mails that are sent in a minute."
    )
    digest_day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = Field(
        "fri", description="Day of the weekly mail."
    )
    digest_time: str = Field(
        "15:30",
        pattern=_TIME,
        description="Time of the weekly mail, local time, after the day's refit.",
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
