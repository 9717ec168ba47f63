"""The planner's statistics while tables grow fast. PostgreSQL's own autovacuum looks once a minute, and until then plans are
made blind: a new installation, or a partition of a new day, would join by reading a whole tenant."""

from waystate.db.pool import Connection, load_queries

_queries = load_queries(__file__)


async def analyze_grown(conn: Connection) -> list[str]:
    """Analyse the tables that changed by more than twice what they held when that was last done (role owner); their names."""
    tables = [row["name"] for row in await _queries.list_grown(conn)]
    for table in tables:
        await conn.execute(f"ANALYZE {table}")
    return tables
