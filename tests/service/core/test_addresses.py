import pytest

from service.core.addresses import AddressError, clean_address, domain_of, network_of, parse_sender

LONGEST = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 57}.org"  # of 254 characters


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" Name.Surname+list@Example.ORG ", "name.surname+list@example.org"),
        ("o'neil@homeoffice.gov.uk", "o'neil@homeoffice.gov.uk"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        (LONGEST, LONGEST),
    ],
)
def test_address_is_normalised(text, address):
    assert clean_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", "a@", "@b.org", "a@b", "a@b.1", "a@.org", "a@b..org", "a@-b.org", "a..b@c.org"),
        *(".a@b.org", "a.@b.org", "a b@c.org", '"a b"@c.org', "a@b.org>", "a@[127.0.0.1]"),
        *("a@b.org\n", "\na@b.org", "a@b.org\r\nBcc: x@y.org", "a\0@b.org", "a@b.org,c@d.org"),
        *("é@b.org", "a@é.org", "a" * 65 + "@b.org", "a@" + "b" * 64 + ".org", f"{LONGEST}x"),
        *(f"a{delimiter}b@example.org" for delimiter in '\r\n\0\t <>,;:"()[]\\'),
    ],
)
def test_invalid_address_is_rejected_and_not_repeated(text):
    with pytest.raises(AddressError) as caught:
        clean_address(text)
    assert str(caught.value) == "expected one plain email address, such as name@example.org"


def test_domain_of_address():
    assert domain_of("Some Name <a@b.org>") == "b.org"
    assert domain_of("a@b.org") == "b.org"


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
def test_network_of_client_address(address, expected):
    assert network_of(address) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name@example.org", ("", "name@example.org")),
        ("Name@Example.org", ("", "Name@Example.org")),
        ("<digest@localhost>", ("", "digest@localhost")),
        ("Home Office, Kent <a@b.org>", ("Home Office, Kent", "a@b.org")),
        ('"Home Office, Kent" <a@b.org>', ("Home Office, Kent", "a@b.org")),
        ("x@evil.org <a@b.org>", ("x@evil.org", "a@b.org")),
        ("Kent: a, b; (all) <a@b.org>", ("Kent: a, b; (all)", "a@b.org")),
    ],
)
def test_sender_is_split_into_name_and_address(text, expected):
    assert parse_sender(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "Name", "a@b.org, c@d.org", "<a@b.org> <c@d.org>", "A <a@b.org> B", "A <a@b..org>"),
        *("A <a..b@c.org>", "A <a@-b.org>", "A <a@.>", "A <a b@c.org>", "A\t<a@b.org>"),
        *('A "B" <a@b.org>', "A <a@b.org>\n"),
        *("A\r\nB <a@b.org>", "é <a@b.c>"),
    ],
)
def test_invalid_sender_is_rejected(text):
    with pytest.raises(AddressError, match="expected name@example.org or Some Name"):
        parse_sender(text)
