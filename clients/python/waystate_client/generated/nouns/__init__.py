"""All nouns. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.calls import Caller
from waystate_client.generated.nouns.accounts import AccountsNoun
from waystate_client.generated.nouns.audit import AuditNoun
from waystate_client.generated.nouns.auth import AuthNoun
from waystate_client.generated.nouns.colleagues import ColleaguesNoun
from waystate_client.generated.nouns.conversations import ConversationsNoun
from waystate_client.generated.nouns.credential import CredentialNoun
from waystate_client.generated.nouns.customers import CustomersNoun
from waystate_client.generated.nouns.dead_letters import DeadLettersNoun
from waystate_client.generated.nouns.health import HealthNoun
from waystate_client.generated.nouns.keys import KeysNoun
from waystate_client.generated.nouns.me import MeNoun
from waystate_client.generated.nouns.media import MediaNoun
from waystate_client.generated.nouns.messages import MessagesNoun
from waystate_client.generated.nouns.metrics import MetricsNoun
from waystate_client.generated.nouns.platform import PlatformNoun
from waystate_client.generated.nouns.queues import QueuesNoun
from waystate_client.generated.nouns.replies import RepliesNoun
from waystate_client.generated.nouns.schedules import SchedulesNoun
from waystate_client.generated.nouns.state import StateNoun
from waystate_client.generated.nouns.templates import TemplatesNoun
from waystate_client.generated.nouns.tenant import TenantNoun
from waystate_client.generated.nouns.users import UsersNoun
from waystate_client.generated.nouns.webhooks import WebhooksNoun


class Nouns:
    def __init__(self, caller: Caller) -> None:
        self.webhooks = WebhooksNoun(caller)
        self.health = HealthNoun(caller)
        self.metrics = MetricsNoun(caller)
        self.state = StateNoun(caller)
        self.messages = MessagesNoun(caller)
        self.conversations = ConversationsNoun(caller)
        self.customers = CustomersNoun(caller)
        self.queues = QueuesNoun(caller)
        self.schedules = SchedulesNoun(caller)
        self.replies = RepliesNoun(caller)
        self.templates = TemplatesNoun(caller)
        self.media = MediaNoun(caller)
        self.dead_letters = DeadLettersNoun(caller)
        self.auth = AuthNoun(caller)
        self.me = MeNoun(caller)
        self.users = UsersNoun(caller)
        self.colleagues = ColleaguesNoun(caller)
        self.keys = KeysNoun(caller)
        self.credential = CredentialNoun(caller)
        self.audit = AuditNoun(caller)
        self.tenant = TenantNoun(caller)
        self.accounts = AccountsNoun(caller)
        self.platform = PlatformNoun(caller)
