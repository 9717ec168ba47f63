"""By which address a caller reaches this server, as the page of the operations shows it."""

from ipaddress import ip_network
from typing import Any

import pytest

from waystate.web.facts import PEER, own_address

PROXIES = [ip_network("10.2.0.0/16"), ip_network("::1/128")]


def told(client: str | None = "10.2.0.1", scheme: str = "http", **headers: str) -> str:
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return own_address({"scheme": scheme, "client": client and (client, 1), "headers": pairs}, PROXIES)


def test_it_is_the_host_header_that_it_was_called_by() -> None:
    assert told(client="192.0.2.1", host="state.example.com:8080") == "http://state.example.com:8080"
    assert told(client="192.0.2.1", host="state.example.com", scheme="https") == "https://state.example.com"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"x_forwarded_proto": "https"}, "https://inner:3005"),
        ({"x_forwarded_host": "state.example.com"}, "http://state.example.com"),
        ({"x_forwarded_host": "state.example.com", "x_forwarded_proto": "HTTPS"}, "https://state.example.com"),
        (
            {"x_forwarded_host": "forged.example, state.example.com", "x_forwarded_proto": "http, https"},
            "https://state.example.com",
        ),
        ({"x_forwarded_host": "a.example", "x_forwarded_proto": "https", "x_forwarded_port": "443"}, "https://a.example"),
        ({"x_forwarded_host": "a.example", "x_forwarded_proto": "https", "x_forwarded_port": "8443"}, "https://a.example:8443"),
        ({"x_forwarded_host": "a.example:1", "x_forwarded_port": "8443"}, "http://a.example:1"),
        ({"x_forwarded_host": "[2001:db8::1]", "x_forwarded_port": "8443"}, "http://[2001:db8::1]:8443"),
        ({"x_forwarded_port": "nonsense"}, "http://inner:3005"),
    ],
)
def test_a_trusted_proxy_knows_better_and_nobody_else_does(said: dict[str, str], expected: str) -> None:
    assert told(host="inner:3005", **said) == expected
    assert told(client="::1", host="inner:3005", **said) == expected
    for stranger in ("10.3.0.1", "192.0.2.1", "unix:", None):
        assert told(client=stranger, host="inner:3005", **said) == "http://inner:3005"


def test_who_it_is_counts_by_the_connection_and_not_by_what_a_proxy_says_of_its_client() -> None:
    scope: dict[str, Any] = {"client": ("192.0.2.1", 0), "headers": [(b"host", b"inner"), (b"x-forwarded-host", b"a.example")]}
    assert own_address({**scope, PEER: ("10.2.0.1", 9)}, PROXIES) == "http://a.example"
    assert own_address({**scope, "client": ("10.2.0.1", 9), PEER: ("192.0.2.1", 9)}, PROXIES) == "http://inner"


@pytest.mark.parametrize(
    "host",
    ["", "a'b", 'a"b', "<b>", "a&b", "a b", "a;b", "a\\b", "a/b", "u@b", "a:b", "a:999999", "-a", "$(a)", "\xe4", "a\nb"],
)
def test_what_is_no_host_is_shown_to_nobody(host: str) -> None:
    assert told(host=host) == told(host="inner", x_forwarded_host=host or " ' ") == "http://localhost:3005"
    assert told(host="inner", x_forwarded_proto="javascript") == "http://localhost:3005"
