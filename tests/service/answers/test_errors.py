import pytest

from service.answers.errors import BadQuestion
from tests.service.support import NOW


@pytest.mark.parametrize(
    ("value", "fault"),
    [(None, "a day"), (7, "expected a day, found 7"), (NOW, "found 2026-01-02T12:00:00Z")],
)
def test_bad_question_names_parameter_and_value(value, fault):
    error = BadQuestion("from", "a day", value)
    assert error.name == "from"
    assert str(error).startswith("from: ") and str(error).endswith(fault)
