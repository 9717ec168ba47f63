"""The one way out: every call to another host is made by a client of this module, and goes to hosts that may be called.

A name is resolved once, where the connection is made, and the connection goes to the address that was judged: a name that
resolves to something else a moment later (DNS rebinding) leads nowhere else. No redirect is followed, and no proxy of the
environment is used.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple, TypeAlias

import httpcore2
import httpx2

Address: TypeAlias = IPv4Address | IPv6Address
Resolve: TypeAlias = Callable[[str, int], Any]
"""Host and port → an awaitable of addresses as text, the preferred ones first."""

PLATFORMS = (
    "graph.facebook.com",
    *(f"{api}.mypurecloud.{domain}" for api in ("api", "login") for domain in ("com", "ie", "de", "jp", "com.au")),
    ".pure.cloud",
    ".us-gov-pure.cloud",
    ".eusc-pure.cloud",
)
_NAT64 = IPv6Network("64:ff9b::/96")


class NotAllowed(httpx2.ConnectError):
    """Neither the host nor its address may be called. Nothing was sent."""


class Listed(NamedTuple):
    """Hosts that an operator, or this module, names. A name that begins with a dot stands for all that end so."""

    names: frozenset[str]
    suffixes: tuple[str, ...]
    networks: tuple[Any, ...]

    def has_name(self, host: str) -> bool:
        return host in self.names or host.endswith(self.suffixes)

    def has_address(self, address: Address) -> bool:
        return any(address in network for network in self.networks if network.version == address.version)


def listed(entries: Iterable[str]) -> Listed:
    """Each is a name, a suffix, an address or a network."""
    names, networks = set(), []
    for entry in entries:
        if "/" in entry or find_address(entry) is not None:
            networks.append(ip_network(entry, strict=False))
        else:
            names.add(entry.lower().rstrip("."))
    return Listed(
        frozenset(each for each in names if not each.startswith(".")),
        tuple(each for each in names if each.startswith(".")),
        tuple(networks),
    )


class Judge:
    """`own` is what the operator lists, wherever it is; what `is_public` names must be on the internet, and over TLS."""

    def __init__(self, own: Listed, is_public: Callable[[str], bool]) -> None:
        self._own = own
        self._is_public = is_public

    def check_url(self, scheme: str, host: str) -> None:
        """Before anything is resolved."""
        if self._is_own(host):
            return
        if not self._is_public(host):
            raise refusal(host)
        if scheme != "https":
            raise NotAllowed(f"{host} is called over https only. Correct the address, or add the host to EGRESS_HOSTS.")

    def choose(self, host: str, addresses: Sequence[str]) -> list[str]:
        """Those of a host's addresses that may be connected to."""
        if self._is_own(host):
            return list(addresses)
        return [each for each in addresses if (address := find_address(each)) is not None and self._may_be(address)]

    def _is_own(self, host: str) -> bool:
        address = find_address(host)
        return self._own.has_name(host) if address is None else self._own.has_address(address)

    def _may_be(self, address: Address) -> bool:
        return is_global(address) or self._own.has_address(address)


def find_address(text: str) -> Address | None:
    """The address that a host is, if it is one, of IPv6 that of IPv4 in it, which is where a packet ends up."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


def is_global(address: Address) -> bool:
    is_old_site = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified or is_old_site)


def refusal(host: str) -> NotAllowed:
    return NotAllowed(f"{host} is none of the hosts that may be called. Correct the address, or add the host to EGRESS_HOSTS.")


async def resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Network(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were judged, and to nothing by its name."""

    def __init__(self, judge: Judge, resolve: Resolve) -> None:
        self._judge = judge
        self._resolve = resolve
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host} was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"{host} cannot be resolved") from error
        chosen = self._judge.choose(host.rstrip("."), addresses)
        if not chosen:
            raise refusal(host)
        failure: Exception | None = None
        for address in chosen:
            try:
                share = None if timeout is None else timeout / len(chosen)
                return await self._network.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = failure or error
        assert failure is not None
        raise failure

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Transport(httpx2.AsyncHTTPTransport):
    def __init__(self, judge: Judge, limits: httpx2.Limits, resolve: Resolve) -> None:
        context = httpx2.create_ssl_context()
        super().__init__(verify=context, limits=limits)
        self._judge = judge
        # As the parent makes it, but for the network.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Network(judge, resolve),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        scheme, host = request.url.scheme, request.url.raw_host.decode("ascii").rstrip(".")
        self._judge.check_url(scheme, host)
        return await super().handle_async_request(request)


def open_to_platforms(own: Iterable[str], **settings: Any) -> httpx2.AsyncClient:
    """For calls that carry a platform's token: to WhatsApp and Genesys, and to what the operator lists (`own`), alone."""
    return _open(Judge(listed(own), listed(PLATFORMS).has_name), **settings)


def open_to_hosts(names: Iterable[str], own: Iterable[str], **settings: Any) -> httpx2.AsyncClient:
    """For calls that carry a token to `names` and nobody else, and to what the operator lists (`own`)."""
    return _open(Judge(listed(own), listed(names).has_name), **settings)


def open_to_anybody(own: Iterable[str], **settings: Any) -> httpx2.AsyncClient:
    """For addresses that a tenant names: to the internet over TLS, and to what the operator lists, alone."""
    return _open(Judge(listed(own), lambda _: True), **settings)


def _open(
    judge: Judge, *, timeout: httpx2.Timeout | float, limits: httpx2.Limits | None = None, resolve: Resolve = resolve
) -> httpx2.AsyncClient:
    transport = _Transport(judge, limits or httpx2.Limits(), resolve)
    return httpx2.AsyncClient(transport=transport, timeout=timeout, follow_redirects=False, trust_env=False)
