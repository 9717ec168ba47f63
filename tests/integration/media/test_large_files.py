"""The largest document that WhatsApp carries passes, in and out, and the process is no larger for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MIB = 2**20
MOST_MORE = 40 * MIB

MEASURED = """
import asyncio, hashlib, json, resource, sys
from datetime import UTC, datetime
from pathlib import Path
import httpx2
from waystate.channels.whatsapp.files import FileClient
from waystate.ids import TenantId, new_id
from waystate.media.fetch import Fetcher
from waystate.media.model import FileDirection, MediaRecord
from waystate.media.objects import open_objects
from waystate.media.thumbnail import Thumbnails
from waystate.tenants.model import WhatsAppAccount

ACCOUNT = WhatsAppAccount(phone_number_id="1", display_phone_number="1", business_account_id="1", meta_app_id="1",
    access_token="t")
PIECE = bytes(range(256)) * 256


async def pieces(size):
    for start in range(0, size, len(PIECE)):
        yield PIECE[: min(len(PIECE), size - start)]


def digest(size):
    hashed = hashlib.sha256()
    for start in range(0, size, len(PIECE)):
        hashed.update(PIECE[: min(len(PIECE), size - start)])
    return hashed.digest()


async def answer(request):
    size = int(request.url.params.get("mid") or request.url.path.rsplit("/", 1)[-1])
    if request.url.host == "lookaside.fbsbx.com":
        return httpx2.Response(200, content=pieces(size))
    url = f"https://lookaside.fbsbx.com/?mid={size}"
    return httpx2.Response(200, json={"url": url, "sha256": digest(size).hex(), "file_size": size})


async def main():
    objects = open_objects(None, Path(sys.argv[1]))
    client = FileClient(httpx2.AsyncClient(transport=httpx2.MockTransport(answer)))
    fetcher = Fetcher(client, objects, Thumbnails())

    async def pass_on(size):
        now = datetime.now(UTC)
        file = MediaRecord(
            id=new_id(), direction=FileDirection.INBOUND, created_at=now, external_id=str(size), attempts=1,
            mime_type="application/pdf", sha256=digest(size),
        )
        stored = await fetcher.fetch(TenantId("acme"), file, ACCOUNT, None, now)
        assert (stored.size, stored.sha256) == (size, digest(size))
        read = hashlib.sha256()
        async for chunk in await objects.get(stored.object_key, 0, size):
            read.update(chunk)
        assert read.digest() == stored.sha256

    def highest():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    await pass_on(2**20)
    before = highest()
    await pass_on(100 * 2**20)
    print(json.dumps({"more": highest() - before}))
    await objects.close()


asyncio.run(main())
"""


def test_a_document_of_100_mib_takes_no_memory_of_its_size(tmp_path: Path) -> None:
    script = tmp_path / "measured.py"
    script.write_text(MEASURED)
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    more = json.loads(done.stdout.splitlines()[-1])["more"]
    assert more <= MOST_MORE, f"{more / MIB:.1f} MiB more"


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 5 * MIB + 1])
def test_parts_of_any_size_come_out_as_they_went_in(tmp_path: Path, size: int) -> None:
    script = tmp_path / "measured.py"
    script.write_text(MEASURED.replace("100 * 2**20", str(size)))
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
