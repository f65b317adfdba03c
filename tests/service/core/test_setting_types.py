import pytest
from pydantic import TypeAdapter, ValidationError

from service.core import setting_types

VALID = {
    "AgentContact": ["", "a@b.org", "https://a.org/b?c"],
    "DaskScheduler": ["", "tcp://a:1", "tcp://a:59999", "tcp://a:64999", "tls://[::1]:65535"],
    "DatabaseUrl": ["", "sqlite:///x", "sqlite:////x/:memory:", "postgresql://h/d?sslmode=require"],
    "Host": ["", "::", "127.0.0.1", "2001:db8::1", "mail.example.org", "db_1", "localhost."],
    "HttpAddress": ["http://a", "https://{service}.a.org", "http://[::1]:8000/x/", "https://a/~b"],
    "PublicAddress": ["", "https://a.org", "https://a.org:8443/"],
    "Rate": ["", "1/second", "600/minute"],
    "RateStore": [
        "memory://",
        "redis://",
        "redis://a",
        "rediss://:p%3Fq@[::1]:6379/0?timeout=1",
        "redis:///0",
    ],
    "Routes": ["", "channel", "channel,italy_2"],
    "Origins": ["", "https://a.org", "https://a.org:8443, http://b.org"],
    "Sender": ["", "a@b.org", "A, B <a@b.org>"],
    "Time": ["00:00", "00:59", "03:00", "19:59", "23:59"],
    "Times": ["", "03:00", "09:40,15:30"],
}
INVALID = {
    "AgentContact": ["a b", "é"],
    "DaskScheduler": [
        *("a", "tcp://a", "tcp://:1", "tcp://a:0", "tcp://a:x", "http://a:1"),
        *(
            "tcp://a:65536",
            "tcp://a:66000",
            "tcp://a:70000",
            "tcp://u:p@a:1",
            "tcp://a:1/",
            "tcp://a b:1",
            "tcp://a:1\n",
            "tcp://a:१",
        ),
    ],
    "DatabaseUrl": [
        "sqlite://",
        *("sqlite:///", "sqlite:///:memory:"),
        "sqlite+pysqlite:///:memory:",
        "sqlite:///x?mode=ro",
        *("sqlite://host/x", "sqlite://:1/x", "mysql://h/d", "postgresql://u:a/b@h"),
    ],
    "Host": ["a b", "a/b", "a:1", "[::1]", "-a", "é"],
    "HttpAddress": ["", "a", "//a", "ftp://a", "http://", "http://u@a", "http://a?b", "http://{x}"],
    "PublicAddress": [
        *("javascript:alert(1)", "http://a/<b>", "http://a:0", 'http://a/"', "http://:443"),
        *("http://u:p@a", "http://a:port", "http://a/#b", "http://a/ b"),
        *("http://[::1", "http://a\r\nBcc: c@d.org", "https://a.org/b", "https://a.org/b/"),
        "https://a.org//",
    ],
    "Origins": ["*", "null", "https://a.org/", "https://a.org,ftp://b.org"],
    "Rate": ["5", "0/minute", "5/week", "5 per minute"],
    "RateStore": ["", "redis:// ", "redis://:a?b@c", "redis://:a/b@c", "http://a"],
    "Routes": ["channel, italy", "Channel", ",", "channel,"],
    "Sender": ["a", "A <a>", "A <a@b.org>, B <b@c.org>"],
    "Time": [
        *("", "24:00", "9:40", "15:60", "15:30 ", "15:30\n", "१५:३०"),
        *("01:00", "01:59", "02:00", "02:30", "02:59", "03:00,04:00"),
    ],
    "Times": ["declared", ",", "09:40,", "09:40, 15:30", "09:40,02:30"],
}


def cases(values):
    return [(name, value) for name, listed in values.items() for value in listed]


def test_every_type_has_cases():
    assert set(VALID) == set(INVALID) == set(setting_types.__all__) - {"matching"}


@pytest.mark.parametrize(("name", "value"), cases(VALID))
def test_valid_value_is_unchanged(name, value):
    parsed = TypeAdapter(getattr(setting_types, name)).validate_python(value)
    assert parsed == value


@pytest.mark.parametrize(("name", "value"), cases(INVALID))
def test_invalid_value_is_rejected(name, value):
    with pytest.raises(ValidationError, match="expected [^^]*$"):  # in words: no pattern
        TypeAdapter(getattr(setting_types, name)).validate_python(value)
