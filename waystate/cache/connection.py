"""Redis by its URL: one server, a master that Sentinels name, or a Cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio import Redis as Single
from redis.asyncio import Sentinel
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from waystate.errors import ConfigError

Redis: TypeAlias = Single | RedisCluster

SCHEMES = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
_PORTS = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_CONNECTIONS = 64
"""Most at once, a process: each batch of look-ups takes one for a millisecond."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where Redis is. `kind` is 'single', 'sentinel' or 'cluster'; `service` is the name that Sentinels know the master by."""

    kind: str
    hosts: tuple[tuple[str, int], ...]
    database: int = 0
    service: str | None = None
    username: str | None = None
    password: str | None = None
    with_tls: bool = False


def parse_redis_url(url: str) -> Place:
    """`redis://host:6379/0`, `redis+sentinel://host,host/service/0`, `redis+cluster://host,host`; `rediss…` with TLS."""
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if parts.scheme not in SCHEMES:
        raise ConfigError(f"REDIS_URL begins with '{parts.scheme}:'; write one of {', '.join(SCHEMES)}.")
    kind = kind or "single"
    user, _, hosts = parts.netloc.rpartition("@")
    username, _, password = user.partition(":")
    steps = [unquote(step) for step in parts.path.split("/") if step]
    service = steps.pop(0) if kind == "sentinel" and steps else None
    if kind == "sentinel" and service is None:
        raise ConfigError("REDIS_URL names Sentinels but no service; write redis+sentinel://host:26379/mymaster/0.")
    if parse_qsl(parts.query):
        raise ConfigError("REDIS_URL takes no options after '?'. Remove them; host, user, password and database are read.")
    return Place(
        kind=kind,
        hosts=tuple(_host(each, _PORTS[kind]) for each in hosts.split(",") if each) or (("localhost", _PORTS[kind]),),
        database=_number(steps[0]) if steps else 0,
        service=service,
        username=unquote(username) or None,
        password=unquote(password) or None,
        with_tls=scheme == "rediss",
    )


def open_redis(url: str, *, timeout: float) -> Redis:
    """Connects at the first command. `timeout` in seconds is for each answer; nothing is tried twice: the caller decides."""
    place = parse_redis_url(url)
    options: dict[str, Any] = {
        "username": place.username,
        "password": place.password,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "max_connections": _CONNECTIONS,
        "retry": Retry(NoBackoff(), 0),
        "ssl": place.with_tls,
    }
    match place.kind:
        case "single":
            ((host, port), *_) = place.hosts
            return Single(host=host, port=port, db=place.database, **options)
        case "sentinel":
            return _master(place, options)
    nodes = [ClusterNode(host, port) for host, port in place.hosts]
    return RedisCluster(startup_nodes=nodes, **options)


def _master(place: Place, options: Mapping[str, Any]) -> Single:
    """Sentinels are asked anew at every connection, so a fail-over is followed."""
    asked = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout", "retry", "ssl")}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        list(place.hosts), sentinel_kwargs=asked, **{**options, "db": place.database}
    )
    master: Single = sentinel.master_for(place.service or "", redis_class=_Master)
    return master


class _Master(Single):
    """Closing it closes the connections to the Sentinels as well."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        manager: Any = getattr(self.connection_pool, "sentinel_manager", None)
        for sentinel in manager.sentinels if manager is not None else ():
            await sentinel.aclose()


def _host(text: str, port: int) -> tuple[str, int]:
    name, colon, given = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip("[]"), port
    return name.strip("[]"), _number(given)


def _number(text: str) -> int:
    if not text.isdigit():
        # Not shown: in a URL without '@' it may be a password.
        raise ConfigError(
            "REDIS_URL has something else where a number belongs, as the port or the database; write redis://host:6379/0."
        )
    return int(text)
