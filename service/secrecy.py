"""What must not be seen: read from files, masked where settings are shown and in the log."""

from __future__ import annotations

__all__ = ["MASK", "Masker", "Sealed", "mask_url", "passwords_of", "read_line", "variable"]

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings

MASK = "********"
_FILE = "_file"
_SHORTEST = 4  # anything shorter would mask parts of common words
_KEY = re.compile(r"\b(crossings_[A-Za-z0-9]+_)[A-Za-z0-9_-]+")
_PASSWORD = re.compile(r"(://[^:/@\s'\"]*:)[^/\s'\"]*@")
_MAIL = re.compile(r"[\w.!#$%&*+=?^`{|}~-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_INTERNET = re.compile(r"(?<![\w.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")


def read_line(file: Path) -> str:
    """The one line of a file that holds a secret.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is empty, has more than one line, or is no text.
    """
    try:
        lines = file.read_text("utf-8").strip("\r\n").splitlines()
    except UnicodeDecodeError:
        raise ValueError("found bytes that are no UTF-8") from None
    if len(lines) != 1 or not lines[0].strip():
        raise ValueError(f"found {len(lines) or 'no'} lines" if len(lines) != 1 else "found blanks")
    return lines[0]


def mask_url(url: str) -> str:
    """The URL without its password and without its query, either of which may be secret."""
    bare, _, query = url.partition("?")
    return re.sub(r"(://[^:/@]*):.*@", rf"\1:{MASK}@", bare) + (f"?{MASK}" if query else "")


def passwords_of(url: str) -> set[str]:
    """What of a URL is secret, as it is written and as it is meant."""
    try:
        parts = urlsplit(url)
        found = {parts.password or "", unquote(parts.password or "")}
    except ValueError:
        return {url}
    return found | {value for name, value in parse_qsl(parts.query) if "pass" in name.lower()}


class Masker:
    """Masks what is known to be secret, and what looks like it: keys, passwords, addresses."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        long = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, long))) if long else None

    def __call__(self, text: str) -> str:
        """`text` with every secret masked."""
        if self._known:
            text = self._known.sub(MASK, text)
        text = _PASSWORD.sub(rf"\1{MASK}@", text)
        text = _KEY.sub(rf"\1{MASK}", text)
        return _INTERNET.sub(MASK, _MAIL.sub(MASK, text))


class Sealed(BaseSettings):
    """Settings of which some may hold a secret, and may lie in a file: ``<name>_file``.

    Attributes
    ----------
    sealed : tuple of str
        Those that may.
    """

    sealed: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take from its file what is not given itself; the file's own check says what is wrong."""
        fields = cls.model_fields
        given = {
            name: value
            for name, value in values.items()
            # An empty path would be the current folder.
            if value != "" or name not in fields or fields[name].default is not None
        }
        for name in cls.sealed:
            if given.get(name + _FILE) and name not in given:
                with contextlib.suppress(OSError, ValueError):
                    given[name] = read_line(Path(given[name + _FILE]))
        return given

    @field_validator("*")
    @classmethod
    def _check_file(cls, value: Any, info: ValidationInfo) -> Any:
        name = (info.field_name or "").removesuffix(_FILE)
        if value is None or name not in cls.sealed or name == info.field_name:
            return value
        try:
            content = read_line(value)
        except OSError as error:
            raise ValueError(f"expected a file that can be read ({error.strerror})") from error
        except ValueError as error:
            raise ValueError(f"expected a file with one line of text ({error})") from error
        if content != _plain(info.data.get(name, content)):  # absent when it is refused itself
            raise ValueError(f"expected either this or {variable(name)}, not both")
        return value

    def shown(self, name: str) -> str:
        """The value of a setting, as anyone may see it."""
        value = getattr(self, name)
        if isinstance(value, SecretStr):
            return MASK if value else ""
        if name in self.sealed:
            return mask_url(value)
        return "" if value is None else str(value)

    def secrets(self) -> set[str]:
        """Every secret that these settings hold; for masking alone."""
        values = [getattr(self, name) for name in self.sealed]
        found = {_plain(value) for value in values if isinstance(value, SecretStr)}
        found |= {value.partition("?")[0] for value in found}  # an address, as it may be told
        return found.union(*(passwords_of(value) for value in values if isinstance(value, str)))


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"CROSSINGS_{name.upper()}"


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
