from __future__ import annotations

import sys

import numpy as np
import pytest

from service.jobs.steps import note, recorded, step


def test_steps_are_recorded_in_the_order_in_which_they_end() -> None:
    with recorded() as steps, step("outer"):
        with step("inner"):
            pass
        note("elsewhere", 1.23456, 99.6)
    assert [one["step"] for one in steps] == ["inner", "elsewhere", "outer"]
    assert steps[1] == {"step": "elsewhere", "times": 1, "seconds": 1.235, "peak_mb": 100}


def test_what_is_done_again_and_again_is_one_step() -> None:
    with recorded() as steps:
        for seconds, peak in ((1, 10), (2, 30), (3, 20)):
            note("fit", seconds, peak)
    assert steps == [{"step": "fit", "times": 3, "seconds": 6, "peak_mb": 30}]


def test_outside_of_a_run_nothing_is_kept() -> None:
    with step("alone"):
        pass
    with recorded() as steps:
        pass
    assert steps == []


@pytest.mark.skipif(sys.platform != "linux", reason="the peak can be reset on Linux alone")
def test_each_step_has_its_own_peak_and_the_outer_one_the_highest() -> None:
    with recorded() as steps, step("outer"):
        with step("large"):
            np.ones(200 * 2**17)
        with step("small"):
            pass
    large, small, outer = (one["peak_mb"] for one in steps)
    assert large - small > 150
    assert outer == large
