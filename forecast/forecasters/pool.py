"""Pool: a mixture of the paths of other forecasters."""

from __future__ import annotations

__all__ = ["FittedLinearPool", "LinearPool"]

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast import serialize
from forecast.covariates import Covariates
from forecast.explain import factors_of, mean_without
from forecast.forecasters.base import (
    FitError,
    Fitted,
    Forecaster,
    State,
    SupportsContinuation,
    SupportsWeather,
)
from forecast.paths import Paths
from forecast.series import DailySeries


@dataclass(frozen=True, eq=False)
class LinearPool:
    """A linear pool: each path comes from one member, in proportion to the weights.

    Attributes
    ----------
    members : mapping of str to Forecaster
    weights : mapping of str to float
        Relative shares of the paths; equal if empty.

    References
    ----------
    Stone (1961), Annals of Mathematical Statistics 32(4).
    """

    members: Mapping[str, Forecaster]
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.weights) - set(self.members)
        if not self.members or unknown:
            raise ValueError(f"expected weights of {sorted(self.members)}, found {sorted(unknown)}")
        if any(not weight >= 0 for weight in self.weights.values()):
            raise ValueError(f"expected weights of 0 or more, found {dict(self.weights)}")

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> FittedLinearPool:
        """Fit every member; the share of one that declines goes to the others."""
        fitted: dict[str, Fitted] = {}
        reasons: list[str] = []
        for name, member in self.members.items():
            try:
                fitted[name] = member.fit(series, covariates)
            except FitError as error:
                reasons.append(f"{name}: {error}")
        shares = np.array([self.weights.get(n, 0.0 if self.weights else 1.0) for n in fitted])
        if not shares.sum() > 0:
            raise FitError("no member of the pool is usable; " + "; ".join(reasons))
        return FittedLinearPool(fitted, shares / shares.sum())


@dataclass(frozen=True, eq=False)
class FittedLinearPool:
    """The fitted members and their shares.

    Attributes
    ----------
    shares : ndarray, shape (n_members,)
        Sum to 1.
    assumed : mapping of int to str
        What-if seas by days ahead, from 0; not part of the state.
    """

    members: Mapping[str, Fitted]
    shares: np.ndarray[tuple[int], np.dtype[np.float64]]
    assumed: Mapping[int, str] = field(default_factory=dict)

    @property
    def covered_days(self) -> int:
        """Number of days ahead for which any member has weather."""
        return max(getattr(member, "covered_days", 0) for member in self.members.values())

    def with_weather(self, seas: Mapping[int, str]) -> FittedLinearPool:
        """Return a copy with calm, mixed or rough days, by days ahead from 0."""
        members = {
            name: member.with_weather(seas) if isinstance(member, SupportsWeather) else member
            for name, member in self.members.items()
        }
        return FittedLinearPool(members, self.shares, dict(seas))

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors that explain any member."""
        every = [name for member in self.members.values() for name in factors_of(member)]
        return tuple(dict.fromkeys(every))

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Simulate each member's share of the paths, then shuffle them.

        Members without weather continue from days that members with weather simulated.
        """
        streams = rng.spawn(len(self.members) + 1)
        counts = self._counts(n_paths)
        parts = []
        for name, count, stream in zip(self.members, counts, streams, strict=False):
            if count:
                try:
                    parts.append(self._member(name, horizon, count, stream))
                except FitError as error:
                    return self._less(name, error).simulate(horizon, n_paths, rng)
        values = np.concatenate([paths.values for paths in parts])
        return Paths(parts[0].start, values[streams[-1].permutation(n_paths)])

    def mean_without(
        self, absent: Set[str], horizon: int, n_paths: int, rng: np.random.Generator
    ) -> npt.NDArray[np.float64]:
        """Weighted mean forecast of the members without the factors `absent`, (horizon,).

        As in `simulate`, members without weather start from days of the others.
        """
        streams = rng.spawn(len(self.members))
        means = {
            name: mean_without(member, absent, horizon, n_paths, stream)
            for (name, member), stream in zip(self.members.items(), streams, strict=True)
        }
        guides, days = self._guides(horizon)
        if days:
            lead = np.mean([means[name][:days] for name in guides], axis=0)
            for name, member in self.members.items():
                if isinstance(member, SupportsContinuation):
                    means[name] = np.concatenate([lead, means[name][days:]])
        return np.average(list(means.values()), axis=0, weights=self.shares)

    def _counts(self, n_paths: int) -> list[int]:
        edges = np.rint(np.concatenate([[0.0], np.cumsum(self.shares)]) * n_paths).astype(int)
        return [int(count) for count in np.diff(edges)]

    def _member(self, name: str, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        member = self.members[name]
        if not isinstance(member, SupportsContinuation):
            return member.simulate(horizon, n_paths, rng)
        guides, days = self._guides(horizon)
        if not days:
            return member.simulate(horizon, n_paths, rng)
        guide = FittedLinearPool(guides, np.full(len(guides), 1.0 / len(guides)))
        lead = guide.simulate(days, n_paths, rng).values
        paths = member.simulate_after(lead.astype(np.float64), horizon, rng)
        # The guides also set assumed days further ahead, but not those before or between them.
        for first, last in _runs(day for day in self.assumed if days <= day < horizon):
            lead = paths.values[:, : last + 1].copy()
            lead[:, first:] = guide.simulate(last + 1, n_paths, rng).values[:, first:]
            paths = member.simulate_after(lead.astype(np.float64), horizon, rng)
        return paths

    def _guides(self, horizon: int) -> tuple[dict[str, Fitted], int]:
        """Return the members with weather, and for how many days of `horizon`."""
        guides = {n: m for n, m in self.members.items() if getattr(m, "covered_days", 0)}
        return guides, min(self.covered_days, horizon)

    def _less(self, name: str, error: FitError) -> FittedLinearPool:
        """Return the pool of the other members; raises `FitError` if none has a share."""
        is_kept = np.array([member != name for member in self.members])
        shares = self.shares[is_kept]
        if not shares.sum() > 0:
            raise FitError(f"no member of the pool is usable; {name}: {error}") from error
        others = {member: fitted for member, fitted in self.members.items() if member != name}
        return FittedLinearPool(others, shares / shares.sum(), self.assumed)

    def to_state(self) -> State:
        """Return JSON values and arrays; a member's arrays are named ``MEMBER/ARRAY``."""
        values: list[Any] = []  # the order decides which member draws which paths
        arrays: dict[str, Any] = {"shares": self.shares}
        for name, member in self.members.items():
            state, member_arrays = serialize.dump(member)
            values.append([name, state])
            arrays |= {f"{name}/{key}": array for key, array in member_arrays.items()}
        return {"members": values}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedLinearPool:
        """Rebuild the result of `to_state`; its paths are bit-identical."""
        members = {
            name: serialize.restore(state, serialize.under(name, arrays))
            for name, state in values["members"]
        }
        return cls(members, arrays["shares"])


def _runs(days: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive days."""
    runs: list[tuple[int, int]] = []
    for day in sorted(days):
        begins = runs.pop()[0] if runs and runs[-1][1] == day - 1 else day
        runs.append((begins, day))
    return runs
