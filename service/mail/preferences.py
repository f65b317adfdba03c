"""A subscriber's email preferences."""

from __future__ import annotations

__all__ = ["EMAILS", "Preferences"]

from dataclasses import dataclass, fields
from typing import Any

from service.answers.early_warnings import DAYS, WEEK

EMAILS = ("weekly", "warnings", "both")
"""The available preferences."""


@dataclass(frozen=True)
class Preferences:
    """A reader's emails about a route, and their thresholds."""

    threshold: int  # arrivals in a day
    weekly: bool = True
    warn_level: int | None = None  # per cent; None: no early warnings
    week_threshold: int | None = None  # None: no warnings about seven-day totals
    route: str = ""

    def columns(self) -> dict[str, Any]:
        """Return the preferences by column name."""
        return {field.name: getattr(self, field.name) for field in fields(Preferences)}

    def in_words(self, unit: str) -> str:
        """Describe the emails, to complete the sentence "you will get"."""
        emails = []
        if self.weekly:
            emails.append(
                f"one email a week with the chances of more than {self.threshold:,} {unit}"
            )
        if self.warn_level is not None:
            week = ""
            if self.week_threshold is not None:
                week = f", or of more than {self.week_threshold:,} in {WEEK} days,"
            emails.append(
                f"an early warning when the chance of more than {self.threshold:,} {unit} in a day "
                f"in the next {DAYS} days{week} reaches {self.warn_level}%, and an email when it "
                "no longer does"
            )
        return " and ".join(emails)
