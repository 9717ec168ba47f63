"""All nouns, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.calls import AsyncCaller
from waystate_client.generated.async_nouns.accounts import AsyncAccountsNoun
from waystate_client.generated.async_nouns.audit import AsyncAuditNoun
from waystate_client.generated.async_nouns.auth import AsyncAuthNoun
from waystate_client.generated.async_nouns.colleagues import AsyncColleaguesNoun
from waystate_client.generated.async_nouns.conversations import AsyncConversationsNoun
from waystate_client.generated.async_nouns.credential import AsyncCredentialNoun
from waystate_client.generated.async_nouns.customers import AsyncCustomersNoun
from waystate_client.generated.async_nouns.dead_letters import AsyncDeadLettersNoun
from waystate_client.generated.async_nouns.health import AsyncHealthNoun
from waystate_client.generated.async_nouns.keys import AsyncKeysNoun
from waystate_client.generated.async_nouns.me import AsyncMeNoun
from waystate_client.generated.async_nouns.media import AsyncMediaNoun
from waystate_client.generated.async_nouns.messages import AsyncMessagesNoun
from waystate_client.generated.async_nouns.metrics import AsyncMetricsNoun
from waystate_client.generated.async_nouns.platform import AsyncPlatformNoun
from waystate_client.generated.async_nouns.queues import AsyncQueuesNoun
from waystate_client.generated.async_nouns.replies import AsyncRepliesNoun
from waystate_client.generated.async_nouns.schedules import AsyncSchedulesNoun
from waystate_client.generated.async_nouns.state import AsyncStateNoun
from waystate_client.generated.async_nouns.templates import AsyncTemplatesNoun
from waystate_client.generated.async_nouns.tenant import AsyncTenantNoun
from waystate_client.generated.async_nouns.users import AsyncUsersNoun
from waystate_client.generated.async_nouns.webhooks import AsyncWebhooksNoun


class AsyncNouns:
    def __init__(self, caller: AsyncCaller) -> None:
        self.webhooks = AsyncWebhooksNoun(caller)
        self.health = AsyncHealthNoun(caller)
        self.metrics = AsyncMetricsNoun(caller)
        self.state = AsyncStateNoun(caller)
        self.messages = AsyncMessagesNoun(caller)
        self.conversations = AsyncConversationsNoun(caller)
        self.customers = AsyncCustomersNoun(caller)
        self.queues = AsyncQueuesNoun(caller)
        self.schedules = AsyncSchedulesNoun(caller)
        self.replies = AsyncRepliesNoun(caller)
        self.templates = AsyncTemplatesNoun(caller)
        self.media = AsyncMediaNoun(caller)
        self.dead_letters = AsyncDeadLettersNoun(caller)
        self.auth = AsyncAuthNoun(caller)
        self.me = AsyncMeNoun(caller)
        self.users = AsyncUsersNoun(caller)
        self.colleagues = AsyncColleaguesNoun(caller)
        self.keys = AsyncKeysNoun(caller)
        self.credential = AsyncCredentialNoun(caller)
        self.audit = AsyncAuditNoun(caller)
        self.tenant = AsyncTenantNoun(caller)
        self.accounts = AsyncAccountsNoun(caller)
        self.platform = AsyncPlatformNoun(caller)
