"""R20: three processes of the timers' role; what is due happens once, and goes on when one of them is killed."""

import asyncio

import pytest

from tests.faults.harness_fleet import fleet_run
from tests.faults.harness_record import Record

TICKS = 100
_RECORD_TICKS = """
CREATE TABLE ticks (name text NOT NULL, at timestamptz NOT NULL, next timestamptz NOT NULL);
GRANT INSERT ON ticks TO PUBLIC;
CREATE FUNCTION record_tick() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO ticks VALUES (NEW.name, NEW.last_run_at, NEW.due_at); RETURN NEW; END $$;
CREATE TRIGGER record_tick AFTER INSERT OR UPDATE ON timers FOR EACH ROW EXECUTE FUNCTION record_tick();
"""
_TOO_EARLY = """
SELECT count(*) FROM (SELECT at, lag(next) OVER (PARTITION BY name ORDER BY at) AS due FROM ticks) AS t WHERE at < due
"""
_TURNS = "SELECT name, count(*) AS ticks FROM ticks GROUP BY name"
_LONGEST = """
SELECT max(at - before) FROM (SELECT at, lag(at) OVER (ORDER BY at) AS before FROM ticks WHERE name = 'early_statuses') AS t
"""


@pytest.mark.faults
async def test_r20_a_hundred_ticks_of_three_replicas_each_happen_once(records: list[Record]) -> None:
    async with fleet_run("R20-ticks", 20, records, roles={"timers": 3}, servers=()) as run:
        async with run.database() as connection:
            await connection.execute(_RECORD_TICKS)
        await run.fleet.run()
        ticks: dict[str, int] = {}
        async with asyncio.timeout(3 * TICKS), run.database() as connection:
            while ticks.get("early_statuses", 0) < TICKS:
                await asyncio.sleep(0.5)
                ticks = {row["name"]: row["ticks"] for row in await connection.fetch(_TURNS)}
                if ticks.get("early_statuses", 0) > TICKS / 2 and not run.record.strikes:
                    run.record.strikes.append(await run.fleet.kill(run.fleet.members[0], run.record.seconds()))
            too_early = int(await connection.fetchval(_TOO_EARLY))
            longest = await connection.fetchval(_LONGEST)
        run.record.figures |= {
            "ticks": ticks,
            "ticks before they were due": too_early,
            "longest time between two of a timer that is due every second": round(longest.total_seconds(), 2),
        }
        run.record.note(await run.find())
        assert too_early == 0, run.evidence()
        assert longest.total_seconds() < 5, run.evidence()
