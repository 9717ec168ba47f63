"""Who is let in, case by case, from what a request says alone."""

from collections.abc import Sequence
from typing import Any

import pytest

from waystate.door.auth import TokenClaim, TrustedClaim, decide, why_not_trusted
from waystate.errors import BadRequest, Refused, Unauthorized
from waystate.web.facts import Facts, facts_of

LOCAL = Facts(path="/state/mapping/919876543210", client_host="127.0.0.1", host=b"localhost:3005", tenant=b"demo-tenant-001")


BETRAYING = [
    *(b"x-forwarded-port", b"x-forwarded", b"x-real-ip", b"cf-ray", b"cf-connecting-ip", b"cf-visitor", b"cdn-loop"),
    *(
        b"true-client-ip",
        b"client-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-remote-ip",
        b"x-amzn-trace-id",
        b"x-amz-cf-id",
    ),
    *(b"cloudfront-viewer-country", b"fastly-client-ip", b"fastly-ff", b"x-original-host", b"x-original-url", b"x-rewrite-url"),
    *(
        b"x-azure-ref",
        b"x-arr-log-id",
        b"x-appgw-trace-id",
        b"x-envoy-external-address",
        b"x-akamai-edgescape",
        b"akamai-origin-hop",
    ),
    *(
        b"incap-client-ip",
        b"x-sucuri-clientip",
        b"x-vercel-id",
        b"fly-client-ip",
        b"x-nf-client-connection-ip",
        b"ngrok-agent-ips",
    ),
    *(
        b"tailscale-user-login",
        b"x-cloud-trace-context",
        b"x-appengine-user-ip",
        b"x-scheme",
        b"front-end-https",
        b"x-ssl-client-s-dn",
    ),
    *(b"proxy-connection", b"x-proxy-id", b"wl-proxy-client-ip", b"x-varnish", b"x-host", b"x-http-host-override", b"x-via"),
    *(
        b"http-x-forwarded-for",
        b"http-via",
        b"http-client-ip",
        b"x-forwardedfor",
        b"xforwarded-for",
        b"x-realip",
        b"forwarded-for",
    ),
    *(b"remote-addr", b"remote-user", b"do-connecting-ip", b"ssl-client-cert", b"client-cert", b"max-forwards"),
    *(b"x-localtunnel-agent-ips", b"x-ms-client-principal", b"x-ms-client-principal-name", b"x-true-client-ip"),
    *(b"x-request-start", b"x-gateway-id", b"x-kong-request-id", b"surrogate-capability", b"disguised-host", b"sec-fetch-dest"),
]


def scope(*headers: tuple[bytes, bytes], method: str = "POST") -> Any:
    return {"type": "http", "path": "/state/message", "method": method, "client": ("127.0.0.1", 1), "headers": list(headers)}


def refusal(facts: Facts, *, trusted: bool) -> Refused:
    with pytest.raises(Refused) as caught:
        decide(facts, trusted=trusted)
    return caught.value


def test_a_call_without_a_key_is_refused_when_trusted_mode_is_off() -> None:
    error = refusal(LOCAL, trusted=False)
    assert (error.status, error.code) == (401, "credentials_required")
    assert "Authorization: Bearer" in error.detail


def test_a_local_call_may_name_its_tenant_in_trusted_mode() -> None:
    assert decide(LOCAL, trusted=True) == TrustedClaim(b"demo-tenant-001")


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"LOCALHOST:3005",
        b"127.0.0.1",
        b"127.0.0.1:3005",
        b"[::1]:3005",
        b"[::1]",
        b"127.8.9.1:80",
        b"localhost:65535",
    ],
)
def test_every_way_to_write_this_machine_is_a_loopback_host(host: bytes) -> None:
    assert why_not_trusted(LOCAL._replace(host=host)) is None


@pytest.mark.parametrize(
    "host",
    [
        None,
        b"",
        b"example.com",
        b"localhost.example.com",
        b"localhost.",
        b"127.0.0.1.example.com",
        b"localhost:3005:1",
        *(b"localhost:99999", b"localhost:65536", b"localhost:0", b"127.0.0.1:000080", b"[::1]:99999", b"localhost:"),
        b"localhost@example.com",
        b"10.0.0.1",
        b"0.0.0.0",
        b"[::2]:3005",
        b"[::1]x",
        b"[::1",
        b"127.1",
        b"\xff",
    ],
)
def test_a_host_that_is_not_this_machine_is_refused(host: bytes | None) -> None:
    error = refusal(LOCAL._replace(host=host), trusted=True)
    assert isinstance(error, Unauthorized)
    assert error.code == "trusted_mode_refused"
    assert "Host" in error.detail


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"])
def test_every_loopback_peer_is_this_machine(peer: str) -> None:
    assert why_not_trusted(LOCAL._replace(client_host=peer)) is None


@pytest.mark.parametrize("peer", [None, "", "10.0.0.7", "172.17.0.1", "::ffff:10.0.0.7", "fe80::1", "unix:", "localhost"])
def test_a_peer_elsewhere_is_refused(peer: str | None) -> None:
    error = refusal(LOCAL._replace(client_host=peer), trusted=True)
    assert "comes from elsewhere" in error.detail


@pytest.mark.parametrize(
    "name",
    [
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"via",
        b"origin",
        b"sec-fetch-site",
        b"sec-fetch-mode",
        *BETRAYING,
        *(each.upper() for each in BETRAYING),
        *(each.replace(b"-", other) for each in BETRAYING for other in (b"_", b".", b"")),
    ],
)
def test_a_sign_of_a_proxy_or_a_web_page_closes_the_door(name: bytes) -> None:
    facts = facts_of(scope((b"host", b"localhost"), (name, b""), (b"content-type", b"application/json")))
    error = refusal(facts, trusted=True)
    assert error.code == "trusted_mode_refused"
    assert name.decode().title() in error.detail


@pytest.mark.parametrize(
    "name",
    [
        b"accept",
        b"user-agent",
        b"x-request-id",
        b"traceparent",
        b"idempotency-key",
        *(b"x-client-version", b"x-client-id", b"x-ms-client-request-id", b"x-realm", b"x-hostname", b"x-recipient"),
        *(b"x-correlation-id", b"x-csrf-token", b"x-b3-traceid", b"tracestate", b"te", b"http2-settings", b"x-requested-with"),
        b"x-tenant-id",
        b"expect",
    ],
)
def test_what_a_client_says_of_itself_closes_no_door(name: bytes) -> None:
    facts = facts_of(scope((b"host", b"localhost"), (name, b"a"), (b"content-type", b"application/json")))
    assert why_not_trusted(facts) is None


@pytest.mark.parametrize(
    "said",
    [{"http_version": "1.0"}, {"http_version": "1"}, {"http_version": "0.9"}, {"raw_path": b"http://evil.example/state/x"}],
)
def test_what_only_a_proxy_would_write_is_refused(said: dict[str, Any]) -> None:
    asked = {**scope((b"host", b"localhost"), method="GET"), "raw_path": b"/state/message", "http_version": "1.1"}
    assert why_not_trusted(facts_of(asked)) is None
    assert "target is a path" in refusal(facts_of({**asked, **said}), trusted=True).detail


@pytest.mark.parametrize(
    "path", ["/health", "/", "/state", "/stateful", "/tenants", "/v1/keys", "/webhooks/x", "/v1/messages/x", "/v1/dead-letters"]
)
def test_only_state_and_trace_are_open_in_trusted_mode(path: str) -> None:
    error = refusal(LOCAL._replace(path=path), trusted=True)
    assert "/state/*" in error.detail


@pytest.mark.parametrize(
    "path", ["/state/message", "/state/conversation/x", "/v1/messages/wamid.x/trace", "/v1/messages/a/b/trace"]
)
def test_state_and_trace_are_open_in_trusted_mode(path: str) -> None:
    assert why_not_trusted(LOCAL._replace(path=path)) is None


@pytest.mark.parametrize("content_type", [b"application/json; charset=utf-8", b"Application/JSON", b"a/b+json"])
def test_a_json_body_is_taken(content_type: bytes) -> None:
    facts = facts_of(scope((b"host", b"localhost"), (b"content-type", content_type), (b"content-length", b"2")))
    assert decide(facts, trusted=True) == TrustedClaim(None)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-length", b"2")],
        [(b"content-type", b"text/plain"), (b"content-length", b"2")],
        [(b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"2")],
        [(b"content-type", b"application/jsonp")],
        [(b"content-type", b"text/plain; application/json")],
    ],
)
def test_a_body_that_a_web_page_could_send_without_asking_is_refused(headers: Sequence[tuple[bytes, bytes]]) -> None:
    facts = facts_of(scope((b"host", b"localhost"), *headers))
    assert "application/json" in refusal(facts, trusted=True).detail


@pytest.mark.parametrize("header", [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")])
def test_a_body_under_a_get_must_be_json_too(header: tuple[bytes, bytes]) -> None:
    assert isinstance(refusal(facts_of(scope((b"host", b"localhost"), header, method="GET")), trusted=True), Unauthorized)


def test_a_get_needs_no_content_type() -> None:
    facts = facts_of(scope((b"host", b"localhost"), (b"content-length", b"0"), method="GET"))
    assert decide(facts, trusted=True) == TrustedClaim(None)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_key_is_read_from_either_header(trusted: bool) -> None:
    for header in [(b"authorization", b"Bearer wsk.a"), (b"authorization", b"bearer  wsk.a "), (b"x-api-key", b"wsk.a")]:
        assert decide(facts_of(scope(header, (b"x-tenant-id", b"a"))), trusted=trusted) == TokenClaim(b"wsk.a", b"a")


def test_the_same_key_in_both_headers_is_one_key() -> None:
    facts = facts_of(scope((b"authorization", b"Bearer wsk.a"), (b"x-api-key", b"wsk.a")))
    assert decide(facts, trusted=False) == TokenClaim(b"wsk.a", None)


def test_two_different_keys_are_refused() -> None:
    error = refusal(facts_of(scope((b"authorization", b"Bearer wsk.a"), (b"x-api-key", b"wsk.b"))), trusted=False)
    assert isinstance(error, BadRequest)
    assert error.code == "two_keys"


@pytest.mark.parametrize("value", [b"Basic dXNlcjpwYXNz", b"wsk.a", b""])
@pytest.mark.parametrize("trusted", [True, False])
def test_a_credential_of_another_kind_is_never_passed_over(value: bytes, trusted: bool) -> None:
    facts = LOCAL._replace(authorization=value)
    assert refusal(facts, trusted=trusted).code == "authorization_scheme"


def test_an_api_key_beside_another_scheme_is_used() -> None:
    assert decide(Facts("/", authorization=b"Basic eA==", api_key=b"wsk.a"), trusted=False) == TokenClaim(b"wsk.a", None)


def test_an_empty_key_is_a_key_and_not_a_way_around_it() -> None:
    assert decide(LOCAL._replace(api_key=b""), trusted=True) == TokenClaim(b"", b"demo-tenant-001")
    assert decide(LOCAL._replace(authorization=b"Bearer "), trusted=True) == TokenClaim(b"", b"demo-tenant-001")


@pytest.mark.parametrize("name", [b"host", b"x-tenant-id", b"authorization", b"content-type", b"content-length"])
def test_a_header_that_says_two_things_is_refused_not_chosen_from(name: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        facts_of(scope((name, b"a"), (name, b"b")))
    assert caught.value.code == "repeated_header"


def test_a_header_that_says_the_same_twice_is_harmless() -> None:
    assert facts_of(scope((b"host", b"a"), (b"host", b"a"))).host == b"a"


def test_a_websocket_has_no_method_and_counts_as_a_get() -> None:
    assert facts_of({"type": "websocket", "path": "/state/x", "headers": [], "client": None}).method == "GET"
