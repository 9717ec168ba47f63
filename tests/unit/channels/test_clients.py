"""Both HTTP clients against a far side that answers, refuses, hangs up and stays silent."""

import asyncio
import inspect
import json
import ssl
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from waystate.channels.genesys.client import GenesysClient, Integration
from waystate.channels.model import AttemptResult, Outcome
from waystate.channels.whatsapp.client import GraphClient
from waystate.egress import open_to_platforms

SENT = {"messaging_product": "whatsapp", "messages": [{"id": "wamid.A"}]}
BODY = {"messaging_product": "whatsapp", "to": "1", "type": "text", "text": {"body": "café"}}
INTEGRATION = Integration(
    integration_id="int-1",
    api_url="https://api.example.test/",
    login_url="https://login.example.test",
    client_id="client-1",
    client_secret="secret:1",
)


async def send_whatsapp(answer: Callable, *, phone_number_id: str = "106", access_token: str = "token") -> AttemptResult:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        return await GraphClient(http).send(
            api_url="https://graph.example.test/v24.0/", phone_number_id=phone_number_id, access_token=access_token, body=BODY
        )


def fails_with(error: Exception) -> Callable:
    def answer(request):
        raise error

    return answer


async def test_graph_request_is_the_documented_one():
    seen = []

    def answer(request):
        seen.append(request)
        return httpx2.Response(200, json=SENT)

    result = await send_whatsapp(answer)
    assert result == AttemptResult(outcome=Outcome.SENT, external_id="wamid.A", http_status=200)
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", "https://graph.example.test/v24.0/106/messages")
    assert request.headers["authorization"] == "Bearer token"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == BODY


async def test_number_cannot_lead_the_request_elsewhere():
    paths = []

    def answer(request):
        paths.append(request.url.raw_path)
        return httpx2.Response(200, json=SENT)

    await send_whatsapp(answer, phone_number_id="106/../../me?x=")
    assert paths == [b"/v24.0/106%2F..%2F..%2Fme%3Fx%3D/messages"]


@pytest.mark.parametrize("error", [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError])
async def test_failure_before_the_request_left_is_tried_again(error):
    assert (await send_whatsapp(fails_with(error("refused")))).outcome is Outcome.RETRY


@pytest.mark.parametrize(
    "error",
    [
        httpx2.ReadTimeout,
        httpx2.ReadError,
        httpx2.WriteTimeout,
        httpx2.WriteError,
        httpx2.RemoteProtocolError,
        httpx2.CloseError,
        httpx2.DecodingError,
    ],
)
async def test_failure_after_the_request_may_have_left_is_unknown(error):
    result = await send_whatsapp(fails_with(error("lost")))
    assert result.outcome is Outcome.UNKNOWN
    assert result.error["code"] == "answer_lost"


async def test_cancelled_send_stays_cancelled():
    async def answer(request):
        await asyncio.sleep(10)
        return httpx2.Response(200, json=SENT)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(send_whatsapp(answer), 0.02)


async def _send_over_a_socket(serve: Callable | None, *, access_token: str = "t") -> AttemptResult:
    """Through real TCP on loopback: what a far side does to a connection, and nothing we imagine httpx2 to raise."""
    server = await asyncio.start_server(serve or (lambda reader, writer: None), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if serve is None:
        server.close()
        await server.wait_closed()
    try:
        async with httpx2.AsyncClient(timeout=0.2, trust_env=False) as http:
            client = GraphClient(http)
            api_url = f"http://127.0.0.1:{port}"
            return await client.send(api_url=api_url, phone_number_id="1", access_token=access_token, body=BODY)
    finally:
        server.close()


async def test_refused_connection_is_tried_again():
    assert (await _send_over_a_socket(None)).outcome is Outcome.RETRY


async def test_connection_closed_without_an_answer_is_unknown():
    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    assert (await _send_over_a_socket(hang_up)).outcome is Outcome.UNKNOWN


async def test_answer_cut_short_is_unknown():
    async def cut(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
        await writer.drain()
        writer.close()

    assert (await _send_over_a_socket(cut)).outcome is Outcome.UNKNOWN


async def test_what_tls_says_after_the_handshake_is_unknown(tmp_path):
    """The far side asks for a certificate; over TLS 1.3 its refusal comes when the request has left already."""
    certificate, client = with_a_certificate_of_its_own(tmp_path)
    server = await asyncio.start_server(stay_silent, "127.0.0.1", 0, ssl=certificate)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, httpx2.AsyncClient(timeout=2, trust_env=False, verify=client) as http:
        result = await GraphClient(http).send(api_url=url, phone_number_id="1", access_token="t", body=BODY)
    assert (result.outcome, result.error["code"]) == (Outcome.UNKNOWN, "answer_lost")


async def test_a_handshake_that_fails_is_tried_again():
    async def no_tls(reader, writer):
        writer.write(b"this is no TLS\r\n")
        writer.close()

    server = await asyncio.start_server(no_tls, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, httpx2.AsyncClient(timeout=2, trust_env=False) as http:
        result = await GraphClient(http).send(api_url=url, phone_number_id="1", access_token="t", body=BODY)
    assert (result.outcome, result.error["code"]) == (Outcome.RETRY, "not_connected")


def with_a_certificate_of_its_own(folder):
    """A server's context that demands a client's certificate, and a client's that has none and trusts anybody."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "far side")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=36500))
    pem = folder / "far.pem"
    unsealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(unsealed + builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    server.load_verify_locations(pem)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    return server, client


async def stay_silent(reader, writer):
    await reader.read()
    writer.close()


async def test_silence_is_unknown():
    assert (await _send_over_a_socket(stay_silent)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("token", ["secret\nbreak", "secret-ü", "secret-\ud800"])
async def test_token_that_cannot_be_sent_fails_and_is_not_quoted(token):
    result = await _send_over_a_socket(stay_silent, access_token=token)
    assert (result.outcome, result.error["code"]) == (Outcome.FAILED, "unsendable_request")
    assert "secret" not in json.dumps(result.error)


class Genesys:
    """The far side: a login server and an API that remember what they were asked."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.logins: list[httpx2.Request] = []
        self.calls: list[httpx2.Request] = []
        self.revoked: set[str] = set()
        self.login: Callable | None = None
        self.api: Callable | None = None
        self.expires_in: object = 3600

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0)
        if request.url.host.startswith("login"):
            self.logins.append(request)
            token = {"access_token": f"token-{len(self.logins)}", "token_type": "bearer", "expires_in": self.expires_in}
            return self.login(request) if self.login else httpx2.Response(200, json=token)
        self.calls.append(request)
        if request.headers["authorization"].removeprefix("Bearer ") in self.revoked:
            return httpx2.Response(401, json={"message": "expired", "code": "bad.credentials"})
        if self.api is None:
            return httpx2.Response(200, json={"id": "m-1", "conversationId": "d06c"})
        answer = self.api(request)
        return await answer if inspect.isawaitable(answer) else answer


@pytest.fixture
def genesys() -> Genesys:
    return Genesys()


@pytest.fixture
async def client(genesys):
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(genesys)) as http:
        yield GenesysClient(http, monotonic=lambda: genesys.now)


async def send(client: GenesysClient, integration: Integration = INTEGRATION) -> AttemptResult:
    return await client.send_message(integration=integration, body={"text": "Hi"})


async def test_genesys_message_goes_to_its_integration_with_a_token(client, genesys):
    result = await send(client)
    assert result == AttemptResult(outcome=Outcome.SENT, external_id="m-1", conversation_id="d06c", http_status=200)
    (login,), (call,) = genesys.logins, genesys.calls
    assert str(login.url) == "https://login.example.test/oauth/token"
    assert b64decode(login.headers["authorization"].removeprefix("Basic ")) == b"client-1:secret:1"
    assert parse_qs(login.content.decode()) == {"grant_type": ["client_credentials"]}
    base = "https://api.example.test/api/v2/conversations/messages/int-1/inbound/open"
    assert str(call.url) == f"{base}/message?prefetchConversationId=true"
    assert call.headers["authorization"] == "Bearer token-1"
    assert json.loads(call.content) == {"text": "Hi"}


@pytest.mark.parametrize(
    ("deed", "path"),
    [
        ("send_receipt", "receipt"),
        ("send_event", "event"),
        ("send_structured_response", "structured/response"),
    ],
)
async def test_whatever_is_no_message_of_genesys_has_its_own_path(client, genesys, deed, path):
    genesys.api = lambda request: httpx2.Response(202)
    result = await getattr(client, deed)(integration=INTEGRATION, body={"id": "c327"})
    assert result == AttemptResult(outcome=Outcome.SENT, http_status=202)
    assert genesys.calls[0].url.path == f"/api/v2/conversations/messages/int-1/inbound/open/{path}"


async def test_many_at_once_share_one_login(client, genesys):
    results = await asyncio.gather(*(send(client) for _ in range(50)))
    assert {result.outcome for result in results} == {Outcome.SENT}
    assert (len(genesys.logins), len(genesys.calls)) == (1, 50)


async def test_token_is_kept_until_shortly_before_its_end(client, genesys):
    await send(client)
    genesys.now += 3600 - 61
    await send(client)
    assert len(genesys.logins) == 1
    genesys.now += 2
    await send(client)
    assert len(genesys.logins) == 2


@pytest.mark.parametrize(("life", "keeps"), [(10, 8), (None, 200), ("soon", 200), (-1, 200)])
async def test_short_or_missing_life_of_a_token_is_believed_with_care(client, genesys, life, keeps):
    genesys.expires_in = life
    await send(client)
    genesys.now += keeps
    await send(client)
    assert len(genesys.logins) == 1
    genesys.now += 400
    await send(client)
    assert len(genesys.logins) == 2


async def test_two_oauth_clients_have_two_tokens(client, genesys):
    other = Integration(
        integration_id="int-2",
        api_url=INTEGRATION.api_url,
        login_url=INTEGRATION.login_url,
        client_id="client-2",
        client_secret="s",
    )
    await send(client)
    await send(client, other)
    await send(client)
    assert [call.headers["authorization"] for call in genesys.calls] == ["Bearer token-1", "Bearer token-2", "Bearer token-1"]


async def test_refused_token_is_renewed_once_and_the_message_sent(client, genesys):
    await send(client)
    genesys.revoked.add("token-1")
    results = await asyncio.gather(*(send(client) for _ in range(5)))
    assert {result.outcome for result in results} == {Outcome.SENT}
    assert len(genesys.logins) == 2


async def test_late_refusal_of_the_old_token_does_not_throw_away_the_new_one(client, genesys):
    await send(client)
    late = asyncio.Event()

    async def refuse_late(request):
        if request.headers["authorization"] == "Bearer token-1":
            await late.wait()
            return httpx2.Response(401)
        return httpx2.Response(200, json={"id": "m-1"})

    genesys.api = refuse_late
    slow = asyncio.create_task(send(client))
    await asyncio.sleep(0.01)
    genesys.now += 3600
    await send(client)
    late.set()
    assert (await slow).outcome is Outcome.SENT
    assert len(genesys.logins) == 2


async def test_token_refused_twice_fails_as_a_matter_of_credentials(client, genesys):
    genesys.revoked |= {"token-1", "token-2"}
    result = await send(client)
    assert (result.outcome, result.error["kind"], len(genesys.calls)) == (Outcome.FAILED, "auth", 2)


@pytest.mark.parametrize(
    ("login", "outcome", "kind"),
    [
        (lambda _: httpx2.Response(400, json={"error": "invalid_client", "description": "no"}), Outcome.FAILED, "auth"),
        (lambda _: httpx2.Response(401), Outcome.FAILED, "auth"),
        (lambda _: httpx2.Response(429, headers={"Retry-After": "9"}), Outcome.RETRY, "throttle"),
        (lambda _: httpx2.Response(503), Outcome.RETRY, "transient"),
        (lambda _: httpx2.Response(200, text="<html>"), Outcome.RETRY, "transient"),
        (lambda _: httpx2.Response(200, json={"token_type": "bearer"}), Outcome.RETRY, "transient"),
        (fails_with(httpx2.ReadTimeout("slow")), Outcome.RETRY, "transport"),
        (fails_with(httpx2.ConnectError("down")), Outcome.RETRY, "transport"),
    ],
)
async def test_message_without_a_token_never_left(client, genesys, login, outcome, kind):
    genesys.login = login
    result = await send(client)
    assert (result.outcome, result.error["kind"]) == (outcome, kind)
    assert not genesys.calls
    genesys.login = None
    assert (await send(client)).outcome is Outcome.SENT, "a failed login is not remembered"


async def test_lost_answer_of_genesys_is_unknown(client, genesys):
    genesys.api = fails_with(httpx2.ReadTimeout("slow"))
    assert (await send(client)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b'{"id":"m-1","cha', b"[]", b"OK"])
async def test_page_of_somebody_else_is_no_answer_of_genesys(client, genesys, body):
    genesys.api = lambda request: httpx2.Response(200, content=body)
    result = await send(client)
    assert (result.outcome, result.error["code"]) == (Outcome.UNKNOWN, "unreadable_answer")


async def test_throttled_message_says_when_to_come_back(client, genesys):
    genesys.api = lambda request: httpx2.Response(429, headers={"Retry-After": "12"})
    result = await send(client)
    assert (result.outcome, result.retry_after) == (Outcome.RETRY, 12)


async def test_cancelled_sender_does_not_take_the_login_from_the_others(client, genesys):
    first, second = asyncio.create_task(send(client)), asyncio.create_task(send(client))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).outcome is Outcome.SENT
    assert len(genesys.logins) == 1


def test_secret_does_not_show_in_logs():
    assert "secret:1" not in repr(INTEGRATION)


@pytest.mark.parametrize("url", ["https://evil.example/v24.0", "http://graph.facebook.com/v24.0", "https://10.0.0.7/v24.0"])
async def test_no_token_goes_to_a_host_that_is_not_listed_and_the_account_waits(url: str) -> None:
    async with open_to_platforms([], timeout=1.0) as http:
        result = await GraphClient(http).send(api_url=url, phone_number_id="106", access_token="token", body=BODY)
        token = await GenesysClient(http).send_message(integration=replace(INTEGRATION, login_url=url), body=BODY)
    for each in (result, token):
        assert each.outcome is Outcome.FAILED
        assert (each.error["code"], each.error["kind"]) == ("address_not_allowed", "auth")
        assert "EGRESS_HOSTS" in each.error["message"]


async def test_a_message_without_prefetch_does_not_ask_for_the_conversation(client, genesys):
    await client.send_message(integration=INTEGRATION, body={"text": "hi"}, prefetch=False)
    assert genesys.calls[0].url.query == b""


@pytest.mark.parametrize(
    ("answer", "outcome", "conversation"),
    [
        (httpx2.Response(200, json={"id": "a b", "conversationId": "c-1"}), Outcome.SENT, "c-1"),
        (httpx2.Response(200, json={"id": "a b"}), Outcome.RETRY, None),
        (httpx2.Response(404, json={"code": "not.found"}), Outcome.RETRY, None),
        (httpx2.Response(200, text="<html>"), Outcome.UNKNOWN, None),
        (httpx2.Response(400, json={"code": "bad.request"}), Outcome.FAILED, None),
    ],
)
async def test_a_conversation_is_looked_up_by_genesys_id_of_a_message(client, genesys, answer, outcome, conversation):
    genesys.api = lambda request: answer
    result = await client.find_conversation(integration=INTEGRATION, message_id="a b/../c")
    assert (result.outcome, result.conversation_id, result.external_id) == (outcome, conversation, None)
    (call,) = genesys.calls
    assert (call.method, call.url.raw_path) == ("GET", b"/api/v2/conversations/messages/a%20b%2F..%2Fc/details")


async def test_every_request_of_an_attempt_is_counted_and_logins_are_not(client, genesys):
    assert (await client.send_message(integration=INTEGRATION, body={"text": "hi"})).requests == 1
    genesys.revoked.add("token-1")
    assert (await client.send_message(integration=INTEGRATION, body={"text": "hi"})).requests == 2
    genesys.login = lambda request: httpx2.Response(503)
    genesys.now += 10_000
    assert (await client.send_message(integration=INTEGRATION, body={"text": "hi"})).requests == 0
