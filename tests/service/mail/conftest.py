import pytest

from service.mail import chart
from tests.service.mailbox import FRIDAY, Mailbox, mail_settings, run_mail_server
from tests.service.support import ManualClock, open_copy


@pytest.fixture(scope="module")
def module_mailbox(authority):
    with run_mail_server(Mailbox(), authority) as box:
        yield box


@pytest.fixture(scope="module")
def module_mailing(mail_store, module_mailbox, ca_file, tmp_path_factory):
    """Like `mailing`, shared by the tests of a file."""
    folder = tmp_path_factory.mktemp("mailing")
    with open_copy(mail_store, mail_settings(folder, module_mailbox.port, ca_file)) as opened:
        yield opened


@pytest.fixture
def plain_chart(monkeypatch):
    """Replace the chart by a constant; return a list with an item per drawing."""
    drawings = []

    def draw(content):
        drawings.append(1)
        return {"light": b"light", "dark": b"dark"}

    monkeypatch.setattr(chart, "draw", draw)
    return drawings


@pytest.fixture
def hand():
    return ManualClock(FRIDAY)
