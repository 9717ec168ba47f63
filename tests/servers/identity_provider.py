"""An OpenID Connect provider on a free port of this machine, with keys of its own, and every fault a provider can have."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey

CLIENT, SECRET = "waystate-client", "s3cret of the client: ü/+"


@dataclass
class Provider:
    """`person` are the claims of whoever logs in; `claims` overrides those of the token (None leaves one out).

    `faults`: names of what it does wrong. `paths` counts what was asked of it.
    """

    issuer: str
    keys: list[Key] = field(default_factory=lambda: [_new_key("first")])
    published: list[Key] | None = None
    person: dict[str, Any] = field(default_factory=lambda: person("ada"))
    claims: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    faults: set[str] = field(default_factory=set)
    auth_method: str = "client_secret_basic"
    paths: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def rotate(self, *, algorithm: str = "RSA") -> None:
        self.keys = [_new_key(secrets.token_hex(4), algorithm)]

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": [self.auth_method],
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            **self.document,
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent: this person is always logged in here already."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert set(query["scope"].split()) == {"openid", "email", "profile"}
        answer = {"state": query["state"], "iss": self.issuer}
        if "declines" in self.faults:
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(24)
            self.codes[answer["code"]] = query
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str], authorization: str | None) -> tuple[int, dict[str, Any]]:
        if not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        tokens = {"access_token": secrets.token_urlsafe(24), "token_type": "Bearer", "expires_in": 300}
        return 200, {**tokens, "id_token": self.id_token(asked["nonce"])}

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce, **self.person, **self.claims}
        claims = {name: value for name, value in usual.items() if value is not None}
        key = self.keys[0]
        header: dict[str, Any] = {"alg": "ES256" if isinstance(key, ECKey) else "RS256", "kid": key.kid}
        if "alg none" in self.faults:
            return f"{_encoded({'alg': 'none'})}.{_encoded(claims)}."
        if "alg HS256" in self.faults:
            return jwt.encode({**header, "alg": "HS256"}, claims, OctKey.import_key(SECRET))
        if "public key as secret" in self.faults:
            assert isinstance(key, RSAKey)
            return _signed_with_public_key(key, claims)
        if "no kid" in self.faults:
            del header["kid"]
        if "foreign key" in self.faults:
            return jwt.encode(header, claims, _new_key(key.kid or ""))
        token = jwt.encode({**header, "x-private": "of the provider's own"}, claims, key, registry=_ANY_HEADER)
        return token[:-6] + "AAAAAA" if "bad signature" in self.faults else token

    def jwks(self) -> dict[str, Any]:
        published = self.keys if self.published is None else self.published
        listed = [{**each.as_dict(private=False), "use": "sig"} for each in published]
        broken = [{"kty": "RSA"}, {"kty": "AKP", "kid": "new"}, {"kty": "EC", "crv": "P-256", "x": 1, "y": []}, "no key"]
        return {"keys": [*broken, *listed]}

    def _is_client(self, form: dict[str, str], authorization: str | None) -> bool:
        if "forgets clients" in self.faults:
            return False
        if self.auth_method == "client_secret_post":
            return (form.get("client_id"), form.get("client_secret"), authorization) == (CLIENT, SECRET, None)
        scheme, _, pair = (authorization or "").partition(" ")
        name, _, secret = base64.b64decode(pair).decode().partition(":")
        return scheme == "Basic" and (unquote(name), unquote(secret)) == (CLIENT, SECRET) and "client_secret" not in form


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        self.provider.paths.append(path.path)
        if self._misbehaves(path.path):
            return
        match path.path:
            case "/.well-known/openid-configuration":
                self._answer(200, self.provider.metadata())
            case "/keys":
                self._answer(200, self.provider.jwks())
            case "/authorize":
                query = {name: values[0] for name, values in parse_qs(path.query).items()}
                self._redirect(self.provider.authorize(query))
            case _:
                self._answer(404, {"error": "not_found"})

    def do_POST(self) -> None:
        self.provider.paths.append(self.path)
        form = self.rfile.read(int(self.headers["content-length"])).decode()
        if self._misbehaves(self.path):
            return
        fields = {name: values[0] for name, values in parse_qs(form).items()}
        self._answer(*self.provider.token(fields, self.headers["authorization"]))

    def _misbehaves(self, path: str) -> bool:
        faults = self.provider.faults
        if f"redirects {path}" in faults:
            self._redirect(f"{self.provider.issuer}/elsewhere")
        elif f"giant {path}" in faults:
            self._write(200, b"{" + b" " * 2_000_000 + b"}")
        elif f"slow {path}" in faults:
            self._drip()
        elif f"no json {path}" in faults:
            self._write(200, b"<html>Maintenance</html>")
        elif f"failing {path}" in faults:
            self._write(500, b"oops")
        else:
            return False
        return True

    def _drip(self) -> None:
        """A byte now and then: no single wait is long."""
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            for _ in range(100):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)

    def _redirect(self, location: str) -> None:
        self.send_response(302)
        self.send_header("location", location)
        self.send_header("content-length", "0")
        self.end_headers()

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        self._write(status, json.dumps(document).encode())

    def _write(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", "provider=1; Path=/")
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def identity_provider() -> Iterator[Provider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"provider": provider})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def person(name: str, *, domain: str = "example.com", **claims: Any) -> dict[str, Any]:
    usual = {"sub": f"subject-{name}", "email": f"{name}@{domain}", "email_verified": True, "name": name.title()}
    return usual | claims


_ANY_HEADER = jws.JWSRegistry(strict_check_header=False)


def _new_key(kid: str, algorithm: str = "RSA") -> Key:
    if algorithm == "EC":
        return ECKey.generate_key("P-256", {"kid": kid})
    return RSAKey.generate_key(2048, {"kid": kid})


def _signed_with_public_key(key: RSAKey, claims: dict[str, Any]) -> str:
    """HS256 with what everybody can read as the secret: what a verifier falls for that believes the token's `alg`."""
    secret = key.as_pem(private=False)
    head = f"{_encoded({'alg': 'HS256', 'kid': key.kid})}.{_encoded(claims)}"
    signature = hmac.digest(secret, head.encode(), "sha256")
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _encoded(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
