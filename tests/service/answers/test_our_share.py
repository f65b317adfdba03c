from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from service.answers.capacity import capacity
from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueLoader
from service.answers.our_share import scale_to_share
from service.core.context import Context
from tests.service.support import Hand


@pytest.fixture
def loader(context: Context, clock: Hand) -> IssueLoader:
    return IssueLoader(context, clock)


@pytest.mark.parametrize("share", [3, 0.01, 12.5, 33.33, 99.99])
def test_each_day_of_each_path_is_multiplied_and_rounded_up(
    loader: IssueLoader, share: float
) -> None:
    view = loader.view("people")
    ours = scale_to_share(view, share)
    part = Fraction(str(share)) / 100
    for mine, all_of_it in ((ours.paths, view.paths), (ours.observed, view.observed)):
        expected = [math.ceil(int(count) * part) for count in all_of_it.values.ravel()[:5000]]
        assert mine.values.ravel()[:5000].tolist() == expected
        assert mine.start == all_of_it.start
    assert ((ours.paths.values == 0) == (view.paths.values == 0)).all(), "quiet days are national"


def test_a_whole_share_is_the_forecast_itself(loader: IssueLoader) -> None:
    view = loader.view("people")
    assert scale_to_share(view, 100) is view


def test_places_are_those_of_the_share(loader: IssueLoader) -> None:
    ours = scale_to_share(loader.view("people"), 50)
    found = capacity(ours.observed, ours.ahead, 2, 0.9, 7, (80,))
    all_days = np.concatenate(
        [np.tile(ours.observed.values[-1:], (ours.paths.n_paths, 1)), ours.paths.values], axis=1
    )
    skipped = ours.ahead.skipped
    present = (all_days[:, 1:] + all_days[:, :-1])[:, skipped : skipped + 7]
    assert found["places_peak"] == int(np.quantile(present.max(axis=1), 0.9, method="inverted_cdf"))


@pytest.mark.parametrize("share", [0, -1, 100.01, 0.001, 3.333, math.nan, math.inf])
def test_what_is_no_share_is_refused(loader: IssueLoader, share: float) -> None:
    with pytest.raises(BadQuestion, match="our_share"):
        scale_to_share(loader.view("people"), share)
