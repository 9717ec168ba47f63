"""What look-ups remember of a tenant, dropped where processes remember it together."""

from waystate.cache.breaker import PATIENCE, Away, Breaker
from waystate.cache.connection import open_redis
from waystate.cache.second_level import SecondLevel
from waystate.ids import TenantId


async def forget(redis_url: str, tenant: TenantId) -> bool:
    """Whether Redis took it. What a process knows by itself it forgets within seconds."""
    client = open_redis(redis_url, timeout=PATIENCE)
    breaker = Breaker("redis", client.ping)
    try:
        await breaker.probe()
        await SecondLevel(client, breaker, installation="").clear(tenant)
    except Away:
        return False
    finally:
        await client.aclose()
    return True
