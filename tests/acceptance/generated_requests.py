"""W7: schemathesis asks a served Waystate everything that its own OpenAPI document allows, and much that it does not."""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psycopg

from tests.acceptance.calls import Document, operations_of
from tests.acceptance.installation import TENANT, customer_message, envelope, installed
from tests.acceptance.outsiders import OF_A_KEY, key_caller, session_caller
from tests.acceptance.served import free_port, served
from waystate.framework import OPERATIONS
from waystate.ids import PLATFORM
from waystate.principal import Role, Scope
from waystate.tokens import COOKIE

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
ALL_PHASES = "examples,coverage,fuzzing,stateful"
ENDS_ITSELF = ("/v1/auth/logout",)
"""Whoever calls it well is nobody from then on."""


@dataclass
class Asked:
    """A served Waystate with a tenant in it, and credentials: of an integration, of the tenant's owner, of the platform."""

    address: str
    folder: Path
    tokens: dict[str, str]
    document: Document = field(default_factory=dict)

    def ask(self, *, examples: int, phases: str = ALL_PHASES) -> list[str]:
        """What was found, one report a credential; each operation is asked with one that may call it."""
        found = []
        for name, paths in self._paths().items():
            if paths:
                found.append(self.ask_as(self.tokens[name], paths, examples=examples, phases=phases))
        return [each for each in found if each]

    def ask_as(self, token: str, paths: Collection[str], *, examples: int, phases: str = ALL_PHASES) -> str:
        """What schemathesis found, as it says it; "" is nothing."""
        file = self.folder / "openapi.json"
        file.write_text(json.dumps(self.document))
        tenant = token.split(".")[1]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", str(file), "--url", self.address),
                *("--header", f"Authorization: Bearer {token}", "--header", f"X-Tenant-ID: {tenant}"),
                *("--checks", ",".join(CHECKS), "--phases", phases, "--warnings", "off", "--no-color", "--continue-on-failure"),
                *("--max-examples", str(examples), "--generation-deterministic", "--workers", "1", "--request-timeout", "30"),
                *(part for path in sorted(paths) for part in ("--include-path", path)),
            ],
            cwd=self.folder,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONWARNINGS": "ignore", "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def _paths(self) -> dict[str, set[str]]:
        paths: dict[str, set[str]] = {name: set() for name in self.tokens}
        for method, path in operations_of(self.document):
            scope = OPERATIONS[method, path].scope
            name = {Scope.SELF: "owner", Scope.PLATFORM: "platform"}.get(scope or Scope.STATE_READ, "key")
            if path not in ENDS_ITSELF:
                paths[name].add(path)
        return paths


@contextmanager
def asked(url: str, home: Path, tokens: dict[str, str]) -> Iterator[Asked]:
    with served(url, home, free_port()) as address:
        yield Asked(address, home, tokens, httpx2.get(f"{address}/openapi.json").json())


async def prepare(url: str, home: Path) -> dict[str, str]:
    """A tenant with a message and a dead letter; the credentials by name."""
    async with installed(url, home, TRUSTED_MODE="off") as place:
        await place.add_tenant(sender="external", genesys_sender="external", settings={"correlation": "local"})
        await place.post_meta(envelope(customer_message("wamid.known", "15550100002")))
        await place.post_meta(envelope({"messages": [{"id": "wamid.unusable"}]}))
        await place.settled()
        callers = {
            "key": await key_caller(place, TENANT, "everything", OF_A_KEY),
            "owner": await session_caller(place, TENANT, Role.OWNER),
            "platform": await session_caller(place, PLATFORM, Role.PLATFORM),
        }
    tokens = {name: dict(each.headers) for name, each in callers.items()}
    return {
        name: each["authorization"].split()[1] if "authorization" in each else each["cookie"].removeprefix(f"{COOKIE}=")
        for name, each in tokens.items()
    }


def break_something(url: str) -> None:
    """What then fails is a fault of ours."""
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE dead_letters RENAME COLUMN pipeline TO pipe")
