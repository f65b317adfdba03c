"""The real published files, if available; they are not part of the project."""

from pathlib import Path

import pytest


def folder():
    """Return the nearest ``shared/data`` beside the repository or one of its parents."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "shared" / "data" / "ods").is_dir():
            return parent / "shared" / "data"
    return None


DATA = folder()
needed = pytest.mark.skipif(DATA is None, reason="the real files are not available")


def workbooks():
    return sorted((DATA / "ods").glob("*.ods")) if DATA else []


def pages():
    return sorted((DATA / "pages").glob("last-7-days-2025-*.html")) if DATA else []


def prose_page():
    assert DATA is not None
    return DATA / "pages" / "last-7-days-2022-05-24.html"
