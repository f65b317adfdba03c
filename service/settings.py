"""The environment, read once."""

from __future__ import annotations

__all__ = ["Settings", "SettingsError", "load"]

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

_RATE = r"^([1-9][0-9]{0,8}/(second|minute|hour|day))?$"
PROJECT = Path(__file__).resolve().parent.parent
# ASCII and no control characters: nothing of it can begin a header of its own.
_SENDER = r"^$|^[ -;=?-~]* ?<[!-;=?A-~]+@[A-Za-z0-9.-]+>$|^[!-;=?A-~]+@[A-Za-z0-9.-]+$"


class SettingsError(ValueError):
    """Settings that do not hold; the message has a line for each."""


HttpAddress = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]


class Settings(BaseSettings):
    """Every setting of the service; each is read from ``CROSSINGS_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="CROSSINGS_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address that the web server binds.")
    port: int = Field(8000, ge=1, le=65535, description="Port that the web server binds.")
    workers: int = Field(1, ge=1, le=64, description="Web worker processes.")
    threads: int = Field(4, ge=1, le=64, description="Threads of each web worker.")
    public_url: str = Field(
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
        pattern=r"^(memory://|rediss?://.+)$",
        description="Where requests are counted: `memory://`, each worker for itself, or a "
        "`redis://` URL.",
    )
    cors_origins: str = Field(
        "",
        description="Origins, with commas between, whose pages may read the API in a browser.",
    )
    contact: str = Field(
        "", description="Who runs this copy and how to reach them, as the page says it."
    )
    var_dir: Path = Field(PROJECT / "var", description="Folder for the database and raw files.")
    database_url: str = Field(
        "", description="SQLAlchemy URL; empty: SQLite in the folder `CROSSINGS_VAR_DIR`."
    )
    models_dir: Path = Field(
        PROJECT / "models", description="Folder of the declared models (TOML)."
    )
    fitted_dir: Path | None = Field(
        None, description="Folder of the fitted versions; empty: `fitted` in the models' folder."
    )
    keep_versions: int = Field(
        10, ge=1, description="Fitted versions of each model that are kept on disk."
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
    source: Literal["figures", "govuk"] = Field(
        "figures",
        description="Where the figures come from; `figures`: the embedded ones; `govuk`: GOV.UK.",
    )
    govuk_url: HttpAddress = Field("https://www.gov.uk", description="Where GOV.UK is.")
    govuk_assets_url: HttpAddress = Field(
        "https://assets.publishing.service.gov.uk",
        description="Where the files are that GOV.UK links to; no other host is asked.",
    )
    weather: Literal["off", "openmeteo"] = Field(
        "off",
        description="Where the weather comes from; `openmeteo`: Open-Meteo, free of charge for "
        "non-commercial use.",
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
    horizon: int = Field(400, ge=28, le=400, description="Days ahead that are simulated.")
    seed: int = Field(1, ge=0, lt=2**31, description="Seed of the simulations.")
    stale_after_days: int = Field(
        3, ge=1, description="Age of the newest figure, in days, beyond which answers are stale."
    )
    refit_hours: float = Field(
        24,
        gt=0,
        le=8760,
        description="Hours between the scheduler's refits when no new figure arrives.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severity that is logged."
    )
    smtp_host: str = Field("", description="SMTP server that takes the mail; empty: no mail.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the SMTP server.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`starttls`, `tls` or `none`; the first two check certificates."
    )
    smtp_ca_file: Path | None = Field(
        None, description="Certificates (PEM) to check the server's by; empty: the system's."
    )
    smtp_user: str = Field("", description="User at the SMTP server; empty: no login.")
    smtp_password: SecretStr = Field(
        SecretStr(""), description="Password of that user.", repr=False
    )
    smtp_password_file: Path | None = Field(
        None, description="File that holds the password, instead of the variable."
    )
    smtp_timeout: float = Field(
        30, gt=0, le=600, description="Seconds that the SMTP server may take for each answer."
    )
    mail_from: str = Field(
        "",
        pattern=_SENDER,
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
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="Time of the weekly mail, UK time, after the day's refit.",
    )
    webhook_url: str = Field(
        "",
        pattern=r"^$|^https?://[^\s/?#@]+(/[^\s#]*)?$",
        repr=False,
        description="Address that is told of alarms that begin and end; empty: none.",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Secret that signs what is told.", repr=False
    )
    webhook_secret_file: Path | None = Field(
        None, description="File that holds the secret, instead of the variable."
    )

    @property
    def database(self) -> str:
        """Database URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.var_dir / 'crossings.sqlite'}"

    @property
    def fitted_folder(self) -> Path:
        """Folder of the fitted versions, the default filled in."""
        return self.fitted_dir or self.models_dir / "fitted"

    @property
    def address(self) -> str:
        """Address under which readers reach the service, without a slash at the end."""
        return (self.public_url or f"http://{self.bind}").rstrip("/")

    @property
    def bind(self) -> str:
        """Host and port that the web server binds, as in an address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def load() -> Settings:
    """Read the environment.

    Raises
    ------
    SettingsError
        With one line for every setting that does not hold.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"CROSSINGS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}, found {e['input']!r}"
            for e in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from error
