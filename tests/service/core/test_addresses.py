from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.addresses import AddressError, clean, domain, network


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" Name.Surname+list@Example.ORG ", "name.surname+list@example.org"),
        ("o'neil@homeoffice.gov.uk", "o'neil@homeoffice.gov.uk"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
    ],
)
def test_one_mailbox_is_written_in_one_way(text: str, address: str) -> None:
    assert clean(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", "a@", "@b.org", "a@b", "a@b.1", "a@.org", "a@b..org", "a@-b.org", "a..b@c.org"),
        *(".a@b.org", "a.@b.org", "a b@c.org", '"a b"@c.org', "a@b.org>", "a@[127.0.0.1]"),
        *("a@b.org\n", "\na@b.org", "a@b.org\r\nBcc: x@y.org", "a\0@b.org", "a@b.org,c@d.org"),
        *("é@b.org", "a@é.org", "a" * 65 + "@b.org", "a@" + "b" * 64 + ".org"),
    ],
)
def test_all_else_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        clean(text)
    assert str(caught.value) == "expected one plain e-mail address, such as name@example.org"


@given(st.text(max_size=40), st.sampled_from('\r\n\0\t <>,;:"()[]\\'), st.text(max_size=10))
def test_no_character_that_ends_a_header_or_a_command_comes_through(
    before: str, bad: str, after: str
) -> None:
    text = f"a{before}{bad}{after}b@example.org"
    try:
        assert bad not in clean(text)
    except AddressError:
        pass


def test_the_domain_is_what_follows_the_at() -> None:
    assert domain("Some Name <a@b.org>") == "b.org"
    assert domain("a@b.org") == "b.org"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", "no address"),
        ("unix:", "no address"),
    ],
)
def test_a_network_is_what_one_reader_has(address: str, expected: str) -> None:
    assert network(address) == expected
