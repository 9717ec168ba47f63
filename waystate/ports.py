"""The ports of a command: bound and listened on before it starts anything else, handed on to the processes that answer there.

The bind is the check. A port that two could share (SO_REUSEPORT) would give half of one's requests to the other.
"""

import errno
import os
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from waystate.config import Config, ProcessRole
from waystate.errors import ConfigError

BACKLOG = 2048
_HANDED_ON = "WAYSTATE_LISTENERS"
"""Names file descriptors that a child has from its parent."""


@dataclass(frozen=True, slots=True)
class Port:
    """`setting` is what chooses `number`; `unset` says where the number comes from when nobody chose it."""

    setting: str
    host: str
    number: int
    unset: str = ""

    def __str__(self) -> str:
        return f"{self.setting} {self.number}{f' ({self.unset})' if self.unset else ''}"


def ports_of(config: Config, role: ProcessRole | None) -> list[Port]:
    """Returns the ports of a role, or of all roles in one process (None)."""
    if role is None or role is ProcessRole.API:
        numbers = {"PORT": config.port, "WEBHOOK_PORT": config.webhook_port}
    else:
        numbers = {"HEALTH_PORT": config.health_port}
    return [Port(setting, config.host, number) for setting, number in numbers.items() if number is not None]


def listen(ports: Sequence[Port]) -> dict[str, socket.socket]:
    """Returns a listening socket for each setting: all of them, or `ConfigError` and none."""
    _check(ports)
    inherited = _take_inherited()
    listeners: dict[str, socket.socket] = {}
    try:
        for port in ports:
            listeners[port.setting] = inherited.pop(port.number) if port.number in inherited else _listen(port)
    except ConfigError:
        close(listeners.values())
        raise
    finally:
        close(inherited.values())
    return listeners


def listen_on_any(host: str) -> socket.socket:
    """Returns a socket that listens on a port which the system chose."""
    return _listen(Port("A port that the system chose,", host, 0))


def close(listeners: Iterable[socket.socket]) -> None:
    for listener in listeners:
        listener.close()


def for_granian(descriptor: int) -> Any:
    """Returns a listening socket as Granian's workers take one; they close it by its number when they stop."""
    from granian.net import SocketHolder  # type: ignore[attr-defined]

    return SocketHolder(descriptor, False, BACKLOG)  # type: ignore[call-arg]


def spoken(keep_alive: float) -> dict[str, Any]:
    """Returns how Granian is to speak HTTP: version 1.1 alone, and after how many seconds a connection is closed that is
    idle or has not sent the whole head of a request. Its HTTP/2 and its guess which of both it is know no such time."""
    from granian.constants import HTTPModes
    from granian.http import HTTP1Settings

    return {"http": HTTPModes.http1, "http1_settings": HTTP1Settings(header_read_timeout=round(keep_alive * 1000))}


def handed_on(listeners: Sequence[socket.socket]) -> dict[str, str]:
    """Returns the environment by which a child finds these sockets; `pass_fds` must give it their descriptors."""
    return {_HANDED_ON: ",".join(str(listener.fileno()) for listener in listeners)}


def address_of(host: str, port: int) -> str:
    """Returns both as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check(ports: Sequence[Port]) -> None:
    seen: dict[int, Port] = {}
    for port in ports:
        if not 1 <= port.number <= 65535:
            raise ConfigError(f"{port} is not a TCP port; set {port.setting} to one from 1 to 65535.")
        other = seen.setdefault(port.number, port)
        if other is not port:
            raise ConfigError(f"{port} and {other} are the same port; set {port.setting} to another one.")


def _take_inherited() -> dict[int, socket.socket]:
    """Returns by their ports what listens already. Children of this process are not to take them for theirs."""
    descriptors = os.environ.pop(_HANDED_ON, "") if os.environ.get("WAYSTATE_CHILD") == "1" else ""
    found = {}
    for descriptor in filter(None, descriptors.split(",")):
        # What is no socket came with a copied environment; it is somebody else's.
        with suppress(OSError, ValueError):
            listener = socket.socket(fileno=int(descriptor))
            listener.set_inheritable(False)
            found[int(listener.getsockname()[1])] = listener
    return found


def _listen(port: Port) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(port.host, port.number, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            # A restart need not wait until the connections of the last run are forgotten.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted connections have it from here.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        raise ConfigError(_sentence(port, error)) from error
    return listener


def _sentence(port: Port, error: OSError | UnicodeError) -> str:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    match error.errno if isinstance(error, OSError) else None:
        case errno.EADDRINUSE:
            todo = f"stop what uses it, or choose another port with {port.setting}."
        case errno.EACCES | errno.EPERM:
            todo = f"choose a port from 1024 on with {port.setting}, or give Waystate the right to listen below."
        case errno.EMFILE | errno.ENFILE | errno.ENOBUFS | errno.ENOMEM:
            todo = f"give the process more of it; {port.setting} itself may stay."
        case _:
            todo = f"set HOST to an address of this machine; {port.setting} itself may stay."
    return f"{port} cannot be listened on at {port.host} ({reason}); {todo}"
