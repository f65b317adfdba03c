from itertools import count

from service.core.timings import record_steps, step


def test_steps_are_recorded_in_order_of_end_and_added_up(monkeypatch):
    monkeypatch.setattr("time.perf_counter", count().__next__)
    with step("alone"):  # outside of a run
        pass
    with record_steps() as steps, step("outer"):
        for _ in range(2):
            with step("inner"):
                pass
    assert steps == [
        {"step": "inner", "times": 2, "seconds": 2},
        {"step": "outer", "times": 1, "seconds": 5},
    ]
