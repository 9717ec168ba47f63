"""Whom Waystate calls: hosts that may be called, at the address that was judged, and nobody else."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from waystate.egress import PLATFORMS, Judge, NotAllowed, find_address, is_global, listed, open_to_anybody, open_to_platforms

INSIDE = [
    *("127.0.0.1", "10.0.0.7", "172.16.3.4", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "255.255.255.255"),
    *("224.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1", "fec0::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.7", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "::127.0.0.1"),
]
OUTSIDE = ["157.240.0.1", "2a03:2880:f003::1", "::ffff:157.240.0.1", "64:ff9b::9df0:1"]


@asynccontextmanager
async def server(answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") -> AsyncIterator[tuple[int, list[bytes]]]:
    """A port of this machine, and what came there."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], heard


def names(*addresses: str):  # type: ignore[no-untyped-def]
    """A name service that says this of every host, one after the other, and the last for good."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return [addresses[min(len(asked), len(addresses)) - 1]]

    resolve.asked = asked  # type: ignore[attr-defined]
    return resolve


@pytest.mark.parametrize("address", INSIDE)
def test_nothing_inside_is_on_the_internet(address: str) -> None:
    parsed = find_address(address)
    assert parsed is not None
    assert not is_global(parsed)
    assert Judge(listed([]), lambda _: True).choose("a.example", [address]) == []


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_on_the_internet_may_be_called(address: str) -> None:
    assert Judge(listed([]), lambda _: True).choose("a.example", [address, "10.0.0.7"]) == [address]


@pytest.mark.parametrize(
    "host",
    [
        "graph.facebook.com",
        "api.mypurecloud.de",
        "login.mypurecloud.com.au",
        "api.usw2.pure.cloud",
        "login.use2.us-gov-pure.cloud",
    ],
)
def test_the_platforms_are_known(host: str) -> None:
    judge = Judge(listed([]), listed(PLATFORMS).has_name)
    judge.check_url("https", host)
    with pytest.raises(NotAllowed, match="https only"):
        judge.check_url("http", host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "graph.facebook.com.evil.example",
        "xgraph.facebook.com",
        "pure.cloud",
        "xpure.cloud",
        "facebook.com",
        "8.8.8.8",
    ],
)
def test_no_other_host_gets_a_platforms_token(host: str) -> None:
    with pytest.raises(NotAllowed, match="EGRESS_HOSTS"):
        Judge(listed([]), listed(PLATFORMS).has_name).check_url("https", host)


def test_an_operator_lists_names_suffixes_addresses_and_networks() -> None:
    judge = Judge(listed(["Relay.example.com", ".intern.example", "10.2.0.0/16", "fd00::7"]), lambda _: False)
    for host in ("relay.example.com", "a.intern.example", "10.2.255.1", "fd00::7", "::ffff:10.2.0.1"):
        judge.check_url("http", host)
        assert judge.choose(host, ["10.9.9.9"]) == ["10.9.9.9"]
    for host in ("intern.example", "xrelay.example.com", "10.3.0.1", "fd00::8"):
        with pytest.raises(NotAllowed):
            judge.check_url("https", host)


async def test_a_call_goes_to_the_address_that_was_judged_under_the_name_that_was_asked_for() -> None:
    async with server() as (port, heard):
        resolve = names("127.0.0.1", "127.0.0.2")
        async with open_to_platforms(["relay.example.com"], timeout=5.0, resolve=resolve) as http:
            answer = await http.get(f"http://relay.example.com:{port}/x", headers={"authorization": "Bearer token"})
    assert (answer.text, resolve.asked) == ("ok", ["relay.example.com"])
    assert f"host: relay.example.com:{port}".encode() in heard[0].lower()


@pytest.mark.parametrize("open_", [open_to_platforms, open_to_anybody])
@pytest.mark.parametrize("host", ["graph.facebook.com", "127.1", "2130706433", "0x7f.1", "localhost"])
async def test_a_name_that_leads_inside_leads_nowhere(open_, host: str) -> None:  # type: ignore[no-untyped-def]
    async with server() as (port, heard), open_([], timeout=5.0, resolve=names("127.0.0.1")) as http:
        with pytest.raises(NotAllowed, match="EGRESS_HOSTS"):
            await http.get(f"https://{host}:{port}/", headers={"authorization": "Bearer token"})
    assert heard == []


async def test_a_name_is_asked_for_once_so_that_a_second_answer_leads_nowhere() -> None:
    """DNS rebinding: one address when it is judged, another when it is called."""
    async with server() as (port, heard):
        resolve = names("127.0.0.9", "127.0.0.1")
        async with open_to_anybody(["127.0.0.9"], timeout=5.0, resolve=resolve) as http:
            with pytest.raises(httpx2.ConnectError):
                await http.get(f"https://provider.example:{port}/")
    assert (resolve.asked, heard) == (["provider.example"], [])


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    redirect = b"HTTP/1.1 307 x\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
    async with server(redirect) as (port, heard), open_to_platforms(["127.0.0.1"], timeout=5.0) as http:
        answer = await http.get(f"http://127.0.0.1:{port}/", headers={"authorization": "Bearer token"})
    assert (answer.status_code, len(heard)) == (307, 1)


async def test_the_environments_proxy_does_not_hear_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server() as (proxy, overheard), server() as (port, heard):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        async with open_to_platforms(["127.0.0.1"], timeout=5.0) as http:
            await http.get(f"http://127.0.0.1:{port}/")
    assert (len(heard), overheard) == (1, [])


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.9", "127.0.0.1"]

    async with server() as (port, _), open_to_platforms(["relay.example.com"], timeout=5.0, resolve=resolve) as http:
        assert (await http.get(f"http://relay.example.com:{port}/")).text == "ok"


async def test_a_name_that_is_not_known_is_a_connection_that_was_never_made() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    async with open_to_anybody([], timeout=5.0, resolve=resolve) as http:
        with pytest.raises(httpx2.ConnectError, match="cannot be resolved"):
            await http.get("https://nowhere.example/")


def test_this_is_the_only_module_that_opens_the_network() -> None:
    """The demo and the simulator are the far sides, and their own callers."""
    root = Path(__file__).parents[2] / "waystate"
    openers = ("AsyncClient(", "httpx2.Client(", "httpx2.get(", "httpx2.post(", "urlopen(", "aiohttp")
    others = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if path.relative_to(root).parts[0] not in ("egress.py", "demo", "simulator")
        and any(opener in path.read_text() for opener in openers)
    ]
    assert others == []
