"""Joint forecasts of a leading series and those that follow it.

For example, boats follow people. The first of the given figures leads.
"""

from __future__ import annotations

__all__ = ["Joint", "drawn_days", "fit", "generator", "leading"]

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecast import serialize
from forecast.covariates import Covariates
from forecast.forecasters.base import Fitted, Forecaster, State, SupportsWeather
from forecast.paths import Paths
from forecast.people_per_boat import PeoplePerBoat
from forecast.series import DailySeries, Day

_AS_ASKED, _STEP = 400, 50


@dataclass(frozen=True, eq=False)
class Joint:
    """A forecaster fitted to the leading series, with the ratios of the others.

    Attributes
    ----------
    series : str
        The leading series.
    followers : mapping of series_id to PeoplePerBoat
        Ratio used to draw each other series.
    """

    series: str
    fitted: Fitted
    followers: Mapping[str, PeoplePerBoat]

    @property
    def covered_days(self) -> int:
        """Number of days ahead with weather; 0 for none."""
        return self.fitted.covered_days if isinstance(self.fitted, SupportsWeather) else 0

    def with_weather(self, seas: Mapping[int, str]) -> Joint:
        """Return a copy with calm, mixed or rough days, by days ahead from 0."""
        if not isinstance(self.fitted, SupportsWeather):
            return self
        return replace(self, fitted=self.fitted.with_weather(seas))

    def draw(self, horizon: int, n_paths: int, rng: np.random.Generator) -> dict[str, Paths]:
        """Draw joint paths of every series, each (n_paths, horizon); path k is one future.

        All horizons with the same `drawn_days` start with the same paths.
        """
        lead_rng, *others = rng.spawn(1 + max(len(self.followers), 1))
        lead = self.fitted.simulate(drawn_days(horizon), n_paths, lead_rng)
        paths = {self.series: lead}
        for (name, ratio), ratio_rng in zip(self.followers.items(), others, strict=False):
            paths[name] = ratio.boats(lead, ratio_rng)
        if drawn_days(horizon) == horizon:
            return paths
        return {series_id: values.upto(horizon) for series_id, values in paths.items()}

    def to_state(self) -> State:
        """Return JSON values and arrays."""
        lead, arrays = serialize.dump(self.fitted)
        values: dict[str, Any] = {"series": self.series, "lead": lead, "followers": {}}
        together = {f"lead/{name}": array for name, array in arrays.items()}
        for series_id, ratio in self.followers.items():
            values["followers"][series_id], arrays = ratio.to_state()
            together |= {f"followers/{series_id}/{name}": a for name, a in arrays.items()}
        return values, together

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> Joint:
        """Rebuild the result of `to_state`; its paths are bit-identical.

        Raises
        ------
        StateError
            If the state has another form.
        """
        try:
            lead = serialize.restore(values["lead"], serialize.under("lead", arrays))
            followers = {
                series_id: PeoplePerBoat.from_state(
                    state, serialize.under(f"followers/{series_id}", arrays)
                )
                for series_id, state in values["followers"].items()
            }
            return cls(values["series"], lead, followers)
        except (AttributeError, KeyError, TypeError) as error:
            raise serialize.StateError(f"a joint state without {error}") from error


def fit(
    forecaster: Forecaster,
    figures: Mapping[str, DailySeries],
    covariates: Covariates | None = None,
) -> Joint:
    """Fit `forecaster` to the first of `figures`, and the ratio of each other to it.

    Raises
    ------
    FitError
        If the forecaster declines, or a ratio cannot be determined.
    """
    lead = leading(figures)
    fitted = forecaster.fit(figures[lead], covariates)
    followers = {
        name: PeoplePerBoat.fit(figures[lead], one) for name, one in figures.items() if name != lead
    }
    return Joint(lead, fitted, followers)


def generator(seed: int, model: str, origin: Day) -> np.random.Generator:
    """Return the random generator of one model at one origin, independent of other models."""
    day = int(origin.astype(np.int64)) % 2**32  # seeds must not be negative; days before 1970 are
    return np.random.default_rng([seed, zlib.crc32(model.encode()), day])


def drawn_days(horizon: int) -> int:
    """Return the number of days to draw for a horizon: beyond `_AS_ASKED` days in steps.

    A forecast that extends a day further than yesterday's, from the same figures, then agrees with
    it on their common days.
    """
    return horizon if horizon <= _AS_ASKED else -(-horizon // _STEP) * _STEP


def leading(figures: Mapping[str, DailySeries]) -> str:
    """Return the first of `figures`, which the others follow."""
    return next(iter(figures))
