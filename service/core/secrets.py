"""Secrets: read from secret files, masked in displayed settings and in the log."""

__all__ = [
    "CONTROL_CHARACTERS",
    "MASK",
    "Masker",
    "Sealed",
    "file_of",
    "mask_url",
    "passwords_of",
    "variable",
    "without_folders",
]

import contextlib
import ipaddress
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource

MASK = "********"
FOLDER = Path("/run/secrets")
"""Where containers mount secrets: one file per setting, named ``crossings_<setting>``."""
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that no line of text holds; PostgreSQL refuses some of them, SQLite none."""
_SHORTEST = 4  # shorter ones would mask parts of common words
_KEY = re.compile(r"\b(crossings_[A-Za-z0-9]+_)[A-Za-z0-9_-]+")
_USER = r"(://[^:/@\s'\"]*)(:[^/\s'\"]*)?@"  # of a URL; its host is no email address
# Match each run of local-part characters once, with or without a domain: searching for the whole
# address would restart at every character of a long text.
_MAIL = re.compile(
    rf"{_USER}|((?:(?!%40)[\w.!#$%&*+=?^`{{|}}~-])+)"
    r"((?:(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)+)?"
)
_INTERNET = re.compile(r"(?<![\w.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")

# Whole runs, matched once; `ipaddress` decides which are addresses.
_INTERNET_6 = re.compile(r"(?<![\w.])[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+")

# A slash that starts a path, not one within an address or fraction; then folders and a name.
_PATH = re.compile(r"(?<![\w:/.~-])/(?:[^\s/:'\",;()]+/)+([^\s/:'\",;()]*)")


def without_folders(text: str) -> str:
    """Reduce file paths in `text` to file names: folders belong in the log only."""
    return _PATH.sub(r"\1", text)


def mask_url(url: str) -> str:
    """Return the URL without its password and query, either of which may be secret."""
    bare, _, query = url.partition("?")
    return re.sub(r"(://[^:/@]*):.*@", rf"\1:{MASK}@", bare) + (f"?{MASK}" if query else "")


def passwords_of(url: str) -> set[str]:
    """Return the secrets in a URL, both encoded and decoded."""
    try:
        parts = urlsplit(url)
        passwords = {parts.password or "", unquote(parts.password or "")}
    except ValueError:
        return {url}
    return passwords | {value for name, value in parse_qsl(parts.query) if "pass" in name.lower()}


class Masker:
    """Masks known secrets and what looks like one: keys, passwords, addresses."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        long = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, long))) if long else None

    def __call__(self, text: str) -> str:
        """Return `text` with every secret masked."""
        if self._pattern:
            text = self._pattern.sub(MASK, text)
        text = _KEY.sub(rf"\1{MASK}", text)
        if "@" in text or "%40" in text:
            text = _MAIL.sub(_without_mail, text)
        return _INTERNET.sub(MASK, _INTERNET_6.sub(_without_internet, text))


def _without_mail(run: re.Match[str]) -> str:
    scheme_and_user, password, local, domains = run.groups()
    if scheme_and_user is None:
        return MASK if domains else str(local)
    user = f"://{MASK}" if "%40" in scheme_and_user else scheme_and_user
    return f"{user}:{MASK}@" if password else f"{user}@"


def _without_internet(run: re.Match[str]) -> str:
    """Mask the run if it is an address; a trailing colon or full stop is not part of it."""
    if run.string[run.end() : run.end() + 1].isalnum():
        return run[0]
    address = run[0].rstrip(".")
    for text in (address, address.removesuffix(":")):
        with contextlib.suppress(ValueError):
            parsed = ipaddress.IPv6Address(text)
            is_here = parsed.is_loopback or parsed.is_unspecified
            return run[0] if is_here else MASK + run[0][len(text) :]
    return run[0]


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
            reason = getattr(error, "strerror", None) or "it is no file of that folder"
            raise ValueError(f"{file}: expected a file that can be read ({reason})") from None
        if value is not None:
            value = value.removeprefix("\ufeff").strip()
            if len(value.splitlines()) != 1:
                lines = len(value.splitlines()) or "no"
                raise ValueError(f"{file}: expected one line of text, found {lines} lines")
        return value, key, is_complex


class Sealed(BaseSettings):
    """Settings; those named in `sealed` may hold secrets."""

    sealed: ClassVar[tuple[str, ...]] = ()

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
            if cls.model_fields[str(info.field_name)].annotation in (int, float) and "_" in value:
                raise ValueError("expected a number without _")  # 8_000 would be read as 8000
        return value

    def shown(self, name: str) -> str:
        """Return the value of a setting with secrets masked."""
        value = getattr(self, name)
        if isinstance(value, SecretStr):
            return MASK if value else ""
        if name in self.sealed:
            return mask_url(value)
        return "" if value is None else str(value)

    def secrets(self) -> set[str]:
        """Return every secret in these settings; for masking only."""
        values = [getattr(self, name) for name in self.sealed]
        secrets = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
        secrets |= {value.partition("?")[0] for value in secrets}  # a URL without its query
        return secrets.union(*(passwords_of(value) for value in values if isinstance(value, str)))


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"CROSSINGS_{name.upper()}"


def file_of(name: str) -> Path:
    """Return the secret file of a setting."""
    return FOLDER / variable(name).lower()
