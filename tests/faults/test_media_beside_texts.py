"""A thousand files in a minute are fetched beside the messages of everybody else, and delay none of them."""

import asyncio
from pathlib import Path

import pytest

from tests.acceptance.installation import Installation, installed_with_far_sides, until
from tests.databases import Databases

SECONDS, FILES, TEXTS_A_SECOND = 60, 1000, 5
ANSWER = 0.2
"""Seconds of every answer of the far sides: a file takes two of them, or one by its webhook's address."""
WAITS = """
SELECT extract(epoch FROM d.finished_at - d.created_at)::float AS seconds
FROM deliveries d JOIN messages m ON m.tenant_id = d.tenant_id AND m.id = d.message_id
WHERE d.target = 'genesys' AND d.state = 'sent' AND m.type = 'text'"""


async def write_texts(place: Installation, seconds: float) -> None:
    assert place.far is not None
    loop = asyncio.get_running_loop()
    started, number = loop.time(), 0
    while loop.time() - started < seconds:
        await place.far.post(f"/simulator/customers/1555020{number % 100:04}/messages", json={"text": f"Text {number}"})
        number += 1
        await asyncio.sleep(max(0.0, started + number / TEXTS_A_SECOND - loop.time()))


async def waits(place: Installation) -> list[float]:
    return sorted(row["seconds"] for row in await place.rows(WAITS))


@pytest.mark.faults
async def test_a_thousand_files_in_a_minute_delay_no_text(databases: Databases, tmp_path: Path) -> None:
    with databases.fresh() as url:
        settings = {"PUBLIC_URL": "http://localhost:3005"}
        async with installed_with_far_sides(
            url, tmp_path, settings=settings, own_url="http://localhost:3006", agent_reply_share=0.0, answer_delay=ANSWER
        ) as place:
            assert place.far is not None
            await write_texts(place, 10)
            await place.settled()
            alone = await waits(place)
            await place.database.execute("UPDATE messages SET type = 'note' WHERE type = 'text'")
            load = {"customers": 300, "rate": FILES / SECONDS, "total": FILES, "files": 1}
            await place.far.post("/simulator/load", json=load)
            await write_texts(place, SECONDS)

            async def is_all_stored() -> bool:
                return bool(await place.value("SELECT count(*) FROM media_files WHERE state = 'stored'") == FILES)

            await until(is_all_stored, timeout=30)
            await place.settled(timeout=60)
            beside = await waits(place)
    before, after = alone[int(0.95 * len(alone))], beside[int(0.95 * len(beside))]
    assert len(beside) >= 0.8 * SECONDS * TEXTS_A_SECOND
    assert after <= before + 0.5, f"95 of 100 texts took {before:.2f} s alone and {after:.2f} s beside the files"
