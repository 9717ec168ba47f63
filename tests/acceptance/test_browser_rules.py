"""What a browser is told by the lane and by the framework, and which pages get an answer that they can read."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.installation import TENANT, Installation, installed
from tests.acceptance.signing_on import add_person
from tests.databases import Databases
from waystate.config import load_config
from waystate.errors import ConfigError
from waystate.people import store as people_store
from waystate.people.sessions import csrf_token
from waystate.tokens import COOKIE, parse_token

LISTED, OTHER = "https://console.example.com", "http://localhost:5173"
FOREIGN = ("https://evil.example", "null", "https://console.example.com.evil.example", "http://console.example.com", "*")
LANE, FRAMEWORK = "/state/mapping/15550100001", "/v1/dead-letters"
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        home: Path = tmp_path_factory.mktemp("home")
        async with installed(url, home, CORS_ORIGINS=f"{LISTED} , {OTHER}", PUBLIC_URL="https://waystate.example.com") as here:
            await here.add_tenant()
            yield here


@pytest.fixture(scope="module")
async def alone(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """Without CORS_ORIGINS."""
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home")) as installation:
            await installation.add_tenant()
            yield installation


@pytest.fixture(scope="module")
async def session(place: Installation) -> str:
    user_id = await add_person(place, "ada@example.com", (TENANT, "admin"))
    async with place.app.db.work(tenant_id=TENANT) as conn:
        _, token = await people_store.create_session(conn, TENANT, user_id, place.app.clock())
    return token


async def preflight(place: Installation, path: str, origin: str, method: str = "POST") -> httpx2.Response:
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": "x-csrf-token"}
    return await place.http.request("OPTIONS", path, headers=asked)


@pytest.mark.parametrize("origin", [LISTED, OTHER])
@pytest.mark.parametrize("path", [LANE, FRAMEWORK, "/state/message", "/v1/nothing", "/"])
async def test_a_listed_page_is_told_that_it_may_call(place: Installation, path: str, origin: str) -> None:
    answer = await preflight(place, path, origin)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers[ALLOWED] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "x-csrf-token" in answer.headers["access-control-allow-headers"]
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "*" not in str(answer.headers)
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", [LANE, FRAMEWORK])
async def test_another_page_is_told_nothing_that_lets_it_read(place: Installation, path: str, origin: str) -> None:
    answer = await preflight(place, path, origin)
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    read = await place.http.get(path, headers={"origin": origin})
    assert not [name for name in read.headers if name.startswith("access-control")]
    assert read.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", [LANE, FRAMEWORK, "/v1/nothing", "/health"])
async def test_a_listed_page_can_read_every_answer_refusals_too(place: Installation, path: str) -> None:
    answer = await place.http.get(path, headers={"origin": LISTED})
    assert answer.headers.get_list(ALLOWED) == [LISTED]
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", [LANE, FRAMEWORK])
async def test_who_is_no_page_is_told_nothing_of_origins(place: Installation, path: str) -> None:
    answer = await place.http.get(path, headers={"x-tenant-id": TENANT})
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]


@pytest.mark.parametrize("path", [LANE, FRAMEWORK])
async def test_without_a_list_no_page_may_call(alone: Installation, path: str) -> None:
    answer = await preflight(alone, path, LISTED)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_trusted_mode_answers_no_page_not_even_a_listed_one(place: Installation) -> None:
    named = {"x-tenant-id": TENANT}
    assert (await place.http.get(LANE, headers=named)).status_code == 200
    for origin in (LISTED, "http://localhost:3005", *FOREIGN):
        answer = await place.http.get(LANE, headers={**named, "origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (401, "trusted_mode_refused")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 404),
        ("http://localhost:3005", 404),
        (LISTED, 404),
        ("https://waystate.example.com", 404),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://[::1", 403),
    ],
)
async def test_a_session_acts_for_our_own_pages_and_the_listed_ones(
    place: Installation, session: str, origin: str | None, status: int
) -> None:
    """404 is the answer of the operation: there is no such dead letter."""
    headers = {"cookie": f"{COOKIE}={session}", "x-csrf-token": csrf_token(parse_token(session).hash)}
    headers |= {} if origin is None else {"origin": origin}
    path = "/v1/dead-letters/01890000-0000-7000-8000-000000000000/replay"
    answer = await place.http.post(path, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 404:
        del headers["x-csrf-token"]
        answer = await place.http.post(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_token_required")


async def test_a_session_changes_nothing_on_the_lane_without_its_token(place: Installation, session: str) -> None:
    headers = {"cookie": f"{COOKIE}={session}", "origin": "http://localhost:3005"}
    body = {"conversationId": "genesys-1", "communicationId": "communication-1", "whatsapp_message_id": "wamid.1"}
    answer = await place.http.post("/state/correlation", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_token_required")
    headers["x-csrf-token"] = csrf_token(parse_token(session).hash)
    assert (await place.http.post("/state/correlation", json=body, headers=headers)).status_code not in (401, 403, 422)


@pytest.mark.parametrize("path", ["/v1/auth/login", "/v1/auth/reset", "/v1/nothing"])
@pytest.mark.parametrize("said", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
async def test_a_foreign_page_cannot_even_log_a_browser_in(place: Installation, path: str, said: dict[str, str]) -> None:
    answer = await place.http.post(path, content=b"{}", headers={"content-type": "text/plain", **said})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/dead-letters"),
        ("POST", "/v1/dead-letters/replay"),
        ("GET", "/v1/nothing"),
        ("PUT", "/health"),
        ("GET", "/health"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/"),
    ],
)
async def test_every_answer_of_the_framework_ties_the_browsers_hands(place: Installation, method: str, path: str) -> None:
    answer = await place.http.request(method, path)
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
    assert answer.headers.get_list("x-frame-options") == ["DENY"]
    (policy,) = answer.headers.get_list("content-security-policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    if path.startswith("/v1/"):
        assert answer.headers.get_list("cache-control") == ["no-store"]


@pytest.mark.parametrize(
    "written",
    [
        "*",
        "null",
        "https://*.example.com",
        "console.example.com",
        "http://console.example.com",
        "https://console.example.com/",
        "https://console.example.com/app",
        "https://Console.example.com",
        "https://user@console.example.com",
        "https://console.example.com,",
        "https://console.example.com https://b.example",
        "https://console.example.com,*",
        "https://a.example?x",
        "http://localhost.evil.example",
    ],
)
def test_a_list_that_no_browser_would_match_stops_the_start(written: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config({"CORS_ORIGINS": written})
    assert str(refused.value).startswith("CORS_ORIGINS is ")
    assert "https://console.example.com" in str(refused.value)
    if "," not in written:
        with pytest.raises(ConfigError, match="PUBLIC_URL is "):
            load_config({"PUBLIC_URL": written})


def test_a_list_is_read_as_it_is_meant() -> None:
    config = load_config({"CORS_ORIGINS": "https://a.example, http://localhost:5173 ,http://[::1]:80"})
    assert config.listed_origins == ("https://a.example", "http://localhost:5173", "http://[::1]:80")
    assert config.own_origins == config.listed_origins
    assert load_config({"PUBLIC_URL": "https://b.example:8443"}).own_origins == ("https://b.example:8443",)
    assert load_config({}).own_origins == ()
