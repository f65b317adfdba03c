"""One number per origin for each column of the table, from the scores of a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecast.backtest import OriginScore
from forecast.scores import covered_by_pit

Array = npt.NDArray[np.float64]

CRPS = {"day_1": "day 1", "days_1_7": "days 1-7", "days_8_14": "days 8-14"}
CRPS |= {"days_15_28": "days 15-28", "total_7": "7-day total", "total_28": "28-day total"}
COVERAGE = {"cover_80_day": "80 % day", "pit_80_day": "same by PIT", "cover_95_day": "95 % day"}
COVERAGE |= {"cover_80_total_7": "80 % 7-day", "cover_80_total_28": "80 % 28-day"}
_DAYS = {"day_1": (1, 1), "days_1_3": (1, 3), "days_1_7": (1, 7), "days_8_14": (8, 14)}
_DAYS |= {"days_15_28": (15, 28)}


@dataclass(frozen=True, eq=False)
class Measured:
    """Measures of one forecaster: arrays (n_origins,) by column name."""

    origins: tuple[str, ...]
    columns: dict[str, Array]

    def at(self, origins: Sequence[str]) -> Measured:
        """Return the measures at some of its origins."""
        places = [self.origins.index(origin) for origin in origins]
        return Measured(tuple(origins), {k: v[places] for k, v in self.columns.items()})


def measure(scores: Sequence[OriginScore]) -> Measured:
    """Average over the days of each origin; columns beyond the horizon are left out."""
    horizon = len(scores[0].crps) if scores else 0
    columns = {
        name: np.array([score.crps[first - 1 : last].mean() for score in scores])
        for name, (first, last) in _DAYS.items()
        if last <= horizon
    }
    for level in (80, 95):
        columns[f"cover_{level}_day"] = np.array([one.within[level].mean() for one in scores])
    columns["pit_80_day"] = np.array([covered_by_pit(score.pit, 80).mean() for score in scores])
    for total in scores[0].totals if scores else ():
        columns[total] = np.array([score.totals[total]["crps"] for score in scores])
        columns[f"cover_80_{total}"] = np.array([s.totals[total]["within_80"] for s in scores])
    return Measured(tuple(score.origin for score in scores), columns)


def together(one: Measured, other: Measured) -> tuple[Measured, Measured]:
    """Return both at their common origins."""
    common = [origin for origin in one.origins if origin in set(other.origins)]
    return one.at(common), other.at(common)
