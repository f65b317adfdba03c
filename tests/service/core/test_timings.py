from itertools import count
from types import SimpleNamespace

from service.core.timings import record_steps, step


def test_steps_are_recorded_in_order_of_end_and_added_up(monkeypatch):
    clock = SimpleNamespace(perf_counter=count().__next__)  # other threads keep theirs
    monkeypatch.setattr("service.core.timings.time", clock)
    with record_steps() as steps, step("outer"):
        for _ in range(2):
            with step("inner"):
                pass
    with step("outside of a run"):
        pass
    assert steps == [
        {"step": "inner", "times": 2, "seconds": 2},
        {"step": "outer", "times": 1, "seconds": 5},
    ]
