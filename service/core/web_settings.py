"""The settings of the web server: where it listens and who may read; read first of all."""

from __future__ import annotations

__all__ = ["WebSettings"]

from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from service.core.secrets import Sealed
from service.core.setting_types import Host, OptionalHttpAddress, Origins

_RATE = r"^([1-9][0-9]{0,8}/(second|minute|hour|day))?$"


class WebSettings(Sealed):
    """Where it listens, who may read and how much."""

    model_config = SettingsConfigDict(env_prefix="CROSSINGS_", frozen=True, extra="ignore")

    host: Host = Field("127.0.0.1", description="Address that the web server binds.")
    port: int = Field(8000, ge=1, le=65535, description="Port that the web server binds.")
    workers: int = Field(1, ge=1, le=64, description="Web worker processes.")
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
        "",
        description="Origins, with commas between, whose pages may read the API in a browser.",
    )
    embed_origins: Origins = Field(
        "",
        description="Origins, with commas between, whose pages may frame a chart under `/embed`; "
        "empty: none.",
    )
    contact: str = Field(
        "", description="Who runs this copy and how to reach them, as the page says it."
    )
