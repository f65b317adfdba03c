from __future__ import annotations

from service.core.timings import add_step, record_steps, step


def test_steps_are_recorded_in_order_of_end():
    with record_steps() as steps, step("outer"):
        with step("inner"):
            pass
        add_step("elsewhere", 1)
        add_step("elsewhere", 0.23456)
    assert [timing["step"] for timing in steps] == ["inner", "elsewhere", "outer"]
    assert steps[1] == {"step": "elsewhere", "times": 2, "seconds": 1.235}
    assert steps[2]["seconds"] >= steps[0]["seconds"] >= 0


def test_steps_outside_recorded_are_ignored():
    with step("alone"):
        pass
    with record_steps() as steps:
        pass
    assert steps == []
