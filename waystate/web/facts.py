"""What of a request is looked at before its body: who says it is calling, from where, by which page. Pure."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from waystate.errors import BadRequest, Unauthorized
from waystate.tokens import COOKIE
from waystate.web.asgi import Scope

_LONGEST_KEY = 200
_TENANT = b"x-tenant-id"
_SINGLE = frozenset(
    (
        b"authorization",
        b"x-api-key",
        _TENANT,
        b"host",
        b"content-type",
        b"content-length",
        b"transfer-encoding",
        b"origin",
        b"sec-fetch-site",
        b"x-csrf-token",
    )
)
_SEPARATORS = re.compile(rb"[^a-z0-9]+")
_BETRAYING = re.compile(
    rb"(http)?(x?forward.*|via|origin|maxforwards|disguisedhost|frontendhttps|surrogatecapability|x?comingfrom|(ssl|tls)client.*"
    rb"|(secfetch|cf(?!g)|cdn|fastly|akamai|cloudfront|cloudflare|fly|incap|ngrok|tailscale|proxy|wlproxy).*"
    rb"|.*(client|connecting|connection|real|remote|user|true|forwarded)ip(v?[46]|addr|address)?|.*remoteaddr(ess)?"
    rb"|x?(client|remote)(ip|addr|host|port|proto|user|cert|verify).*|x(cloudtracecontext|requeststart|imforwards)"
    rb"|x(real(?!m)|original|originating|cluster|proxy|rewrite|amzn|amz|azure|arr(?!a)|appgw|appengine|appservice|waws|cloudfront"
    rb"|cloudflare|cf(?!g)|cdn|edge|akamai|fastly|fly|sucuri|incap|vercel|nf(?!c)|heroku|render|railway|envoy|istio|nginx|traefik"
    rb"|haproxy|kong|varnish|squid|bluecoat|gateway|scheme|urlscheme|host(?!name)|httphost|ssl|tls|tunnel|localtunnel|ngrok"
    rb"|tailscale|github|msproxy|msclientprincipal|goog|gfe|via).*)"
)
"""What proxies, CDNs and tunnels add, and pages of browsers; no client of its own accord says any of it.

In lower case and without separators: whoever reads headers as CGI has them takes `X_Forwarded_For` for `X-Forwarded-For`."""
_SESSION = COOKIE.encode() + b"="
_JSON = re.compile(rb"application/json|[\w!#$&^.-]+/[\w!#$&^.-]+\+json", re.IGNORECASE | re.ASCII)
"""The media type, and every one with the suffix (RFC 6839)."""
PEER = "waystate.peer"
"""In a scope: who is at the other end of the connection, where its client is what a proxy says."""
_ADDRESS = re.compile(rb"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PORT = re.compile(rb":[0-9]+$")
_WEIGHT = re.compile(r"[01](?:\.[0-9]{0,3})?")
_USUAL = {"http": b"80", "https": b"443"}
"""Ports that need not be written."""
_HOST = re.compile(r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")


class Facts(NamedTuple):
    """All that is looked at. `betraying` is a header that only proxies and web pages send; `cookie` the session's, if any;
    `names_target_host`: the request's target is no path but a whole address."""

    path: str
    method: str = "GET"
    client_host: str | None = None
    host: bytes | None = None
    authorization: bytes | None = None
    api_key: bytes | None = None
    tenant: bytes | None = None
    content_type: bytes | None = None
    has_body: bool = False
    betraying: bytes | None = None
    cookie: bytes | None = None
    origin: bytes | None = None
    fetch_site: bytes | None = None
    csrf_token: bytes | None = None
    version: str = "1.1"
    names_target_host: bool = False


def facts_of(scope: Scope) -> Facts:
    """Header names are in lower case, as ASGI has them. Two different values of one header are refused, not chosen from."""
    single: dict[bytes, bytes] = {}
    betraying = cookie = None
    for name, value in scope["headers"]:
        if name in _SINGLE and single.setdefault(name, value) != value:
            raise _repeated(name)
        if name == b"cookie":
            cookie = _session_cookie(value) or cookie
        elif betrays(name):
            betraying = name
    client = scope.get("client")
    get = single.get
    return Facts(
        scope["path"],
        scope.get("method", "GET"),
        client[0] if client else None,
        get(b"host"),
        get(b"authorization"),
        get(b"x-api-key"),
        get(_TENANT),
        get(b"content-type"),
        get(b"content-length", b"0") != b"0" or b"transfer-encoding" in single,
        betraying,
        cookie,
        get(b"origin"),
        get(b"sec-fetch-site"),
        get(b"x-csrf-token"),
        scope.get("http_version", "1.1"),
        not (scope.get("raw_path") or b"/").startswith(b"/"),
    )


def own_address(scope: Scope, proxies: Sequence[IPv4Network | IPv6Network]) -> str:
    """Returns how the caller reaches this server, such as `https://state.example.com:8443`.

    By the Host header, or by the host, scheme and port that a trusted proxy says it was called by. No character of it means
    anything in HTML or to a shell.
    """
    named = dict(scope["headers"])
    scheme, host = str(scope.get("scheme", "http")), named.get(b"host", b"")
    if _is_of(scope.get(PEER) or scope.get("client"), proxies):
        host = _last(named.get(b"x-forwarded-host")) or host
        scheme = _last(named.get(b"x-forwarded-proto")).decode("latin-1").lower() or scheme
        port = _last(named.get(b"x-forwarded-port"))
        if port.isdigit() and len(port) <= 5 and port != _USUAL.get(scheme) and _PORT.search(host) is None:
            host += b":" + port
    if _ADDRESS.fullmatch(host) is None or scheme not in _USUAL:
        return "http://localhost:3005"
    return f"{scheme}://{host.decode('ascii').lower()}"


def wants_html(accept: str) -> bool:
    """Whether a page is asked for by its name, and rather than JSON (RFC 9110, 12.5.1)."""
    weights: dict[str, float] = {}
    for each in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in each.split(";"))
        said = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        weights[media_type] = float(said) if _WEIGHT.fullmatch(said) else 0.0
    html = max(weights.get("text/html", 0.0), weights.get("application/xhtml+xml", 0.0))
    return html > 0 and html >= weights.get("application/json", 0.0)


def token_of(facts: Facts) -> bytes | None:
    """The API key or session token that came along; a header wins over a cookie."""
    presented = _presented(facts)
    return facts.cookie if presented is None else presented


@lru_cache(maxsize=256)
def is_loopback(address: str | None) -> bool:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return (mapped or parsed).is_loopback


@lru_cache(maxsize=256)
def names_loopback(host: bytes | None) -> bool:
    """Exactly, or a page of evil.example whose name resolves to 127.0.0.1 would come in."""
    found = _HOST.fullmatch((host or b"").decode("latin-1").lower())
    if found is None or not 0 < int(found["port"] or 80) < 65536:
        return False
    return found["name"] == "localhost" or is_loopback(found["name"] or found["ipv6"])


@lru_cache(maxsize=1024)
def betrays(name: bytes) -> bool:
    """Whether only a proxy, a CDN, a tunnel or a web page sends a header of this name, in any case and with any separators."""
    return _BETRAYING.fullmatch(_SEPARATORS.sub(b"", name.lower())) is not None


@lru_cache(maxsize=256)
def is_json(content_type: bytes | None) -> bool:
    """Parameters such as a charset do not matter: JSON is UTF-8 (RFC 8259)."""
    return content_type is not None and _JSON.fullmatch(content_type.partition(b";")[0].strip()) is not None


@lru_cache(maxsize=4096)
def address_of(host: str | None) -> str:
    """Whose bucket it is: of IPv6 the /64, which is what one customer of a provider has at the least."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return host or "-"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), 64), strict=False).network_address)


def shown(name: bytes) -> str:
    return name.decode("latin-1").title()


def _is_of(peer: tuple[str, int] | None, proxies: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ip_address(peer[0] if peer else "")
    except ValueError:
        return False
    return any(address in each for each in proxies)


def _last(value: bytes | None) -> bytes:
    """What the nearest proxy added, where there are several."""
    return (value or b"").rpartition(b",")[2].strip()


def _presented(facts: Facts) -> bytes | None:
    key = facts.api_key
    if facts.authorization is not None:
        scheme, _, rest = facts.authorization.partition(b" ")
        if scheme.lower() == b"bearer":
            bearer = rest.strip()
            if key is not None and key != bearer:
                raise BadRequest("two_keys", "Authorization and X-API-Key carry different keys. Send one of them.")
            key = bearer
        elif key is None:
            raise Unauthorized("authorization_scheme", "Authorization must read 'Bearer …', with a key or a session token.")
    return None if key is None else key[:_LONGEST_KEY]


def _session_cookie(value: bytes) -> bytes | None:
    for part in value.split(b";"):
        part = part.strip()
        if part.startswith(_SESSION):
            return part[len(_SESSION) :][:_LONGEST_KEY]
    return None


def _repeated(name: bytes) -> BadRequest:
    return BadRequest("repeated_header", f"The header {shown(name)} came twice with different values. Send it once.")
