"""The settings: read from the environment once, checked at start, frozen afterwards."""

import base64
import binascii
import os
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode, urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from waystate.errors import ConfigError

LogLevel = Literal["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]
TrustedMode = Literal["off", "loopback"]
EventsFrom = Literal["now", "beginning"]
DbSsl = Literal["off", "require", "verify-full"]


class ProcessRole(StrEnum):
    """What one process does; `serve` does all of it."""

    API = "api"
    WORK = "work"
    RELAY = "relay"
    TIMERS = "timers"


_SSL_MODES: dict[DbSsl, str] = {"off": "disable", "require": "require", "verify-full": "verify-full"}
_ORIGIN = r"(?:https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|http://(?:localhost|127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?"
"""As a browser writes it in its Origin header."""
_HOST_LISTED = r"[A-Za-z0-9_.:-]+(?:/[0-9]{1,3})?"
_NETWORK = r"[0-9a-fA-F.:]+(?:/[0-9]{1,3})?"
_GRAPH = "graph.facebook.com"
_NEED_A_HOST = ("db_port", "db_name", "db_user", "db_password")
_SCHEMES = {
    "external_database": ("postgresql", "postgres"),
    "external_redis": ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"),
    "external_broker": ("amqp", "amqps"),
    "external_objects": ("file", "s3", "gs", "az", "abfs", "memory"),
}


def _default_home() -> Path:
    return Path("/var/lib/waystate") if os.geteuid() == 0 else Path.home() / ".local/share/waystate"


def _setting(name: str | AliasChoices, default: Any, must_be: str, why: str, **limits: Any) -> Any:
    """A field that knows its variable, what may be written there and why its default is what it is."""
    return Field(default, validation_alias=name, title=must_be, description=why, **limits)


def _number(name: str, default: float, unit: str, low: float, high: float, why: str) -> Any:
    return _setting(name, default, f"a number of {unit} from {low:g} to {high:.10g}", why, ge=low, le=high)


def _queue(name: str, default: str, why: str) -> Any:
    return _setting(name, default, "a name of 1 to 200 bytes", why, pattern=r"^[!-~]{1,200}$")


def _port(name: str, default: int | None, why: str) -> Any:
    return _setting(name, default, "a TCP port from 1 to 65535", why, ge=1, le=65535)


class Config(BaseSettings):
    """Secrets never show in its repr. Build one with `load_config`; in a test, vary it with `model_copy(update=…)`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, validate_default=False)

    # --- the process
    home: Path = Field(
        default_factory=_default_home,
        validation_alias="WAYSTATE_HOME",
        title="an absolute path of a folder",
        description="Holds the embedded database, keys and logs. For root it is outside of homes, which others cannot enter.",
    )
    host: str = _setting("HOST", "127.0.0.1", "an address to listen on", "Nothing is reachable from outside until asked for.")
    port: int = _port("PORT", 3005, "The port of the seeds' State Manager.")
    webhook_port: int | None = _port(
        "WEBHOOK_PORT", None, "Answers /webhooks/* and /health/live alone: the port to hand to a tunnel or a public proxy."
    )
    health_port: int | None = _port(
        "HEALTH_PORT", None, "/health, /health/live and /metrics of a role without an API; unset, it listens nowhere."
    )
    simulator_port: int | None = _port(
        "SIMULATOR_PORT", None, "Where the demo simulates WhatsApp and Genesys, on 127.0.0.1; unset, it is PORT + 1."
    )
    trusted_mode: TrustedMode = _setting(
        "TRUSTED_MODE", "off", "'off' or 'loopback'", "'loopback': X-Tenant-ID is enough on this machine."
    )
    public_url: str | None = _setting(
        "PUBLIC_URL",
        None,
        "the origin that browsers reach it under, like https://waystate.example.com",
        "Where an identity provider sends people back to, and Genesys loads files (/media/) from. Unset, single sign-on works "
        "on this machine only, and agents get no files.",
        pattern=f"^{_ORIGIN}$",
    )
    trusted_proxies: str | None = _setting(
        "TRUSTED_PROXIES",
        None,
        "addresses or networks such as 10.2.0.0/16, with commas between",
        "Reverse proxies in front: what they say in X-Forwarded-For is who calls; else all callers count as one address.",
        pattern=rf"^{_NETWORK}(\s*,\s*{_NETWORK})*$",
    )
    cors_origins: str | None = _setting(
        "CORS_ORIGINS",
        None,
        "origins like https://console.example.com, with commas between; no path, no '*', http:// for this machine only",
        "Pages that may call the API from a browser, with a session too if they are of the same site.",
        pattern=rf"^{_ORIGIN}(\s*,\s*{_ORIGIN})*$",
    )
    log_level: LogLevel = _setting(
        "LOG_LEVEL", "INFO", "one of DEBUG, INFO, WARN, ERROR, CRITICAL", "The floor: nothing below it is written."
    )
    master_key: SecretStr | None = _setting(
        "WAYSTATE_MASTER_KEY",
        None,
        "32 random bytes as 64 hexadecimal digits or as base64",
        "Seals the platforms' secrets. Unset, it is made in the home folder; an external database requires it.",
    )
    other_master_keys: SecretStr | None = _setting(
        "WAYSTATE_MASTER_KEYS_OLD",
        None,
        "keys written like WAYSTATE_MASTER_KEY, with commas in between",
        "They open what they sealed, and seal nothing: docs/how-to/rotate-secrets.md.",
    )
    max_body: int = _number("MAX_BODY", 4 * 2**20, "bytes", 1024, 64 * 2**20, "The largest batch that Meta posts is 3 MB.")
    body_timeout: float = _number(
        "BODY_TIMEOUT", 20, "seconds", 0.1, 300, "A slower body holds memory; the platforms themselves wait no longer."
    )
    keep_alive: float = _number(
        "KEEP_ALIVE",
        75,
        "seconds",
        1,
        3600,
        "Of an idle connection, longer than the usual 60 s of a load balancer; a request's head may take as long.",
    )
    stop_timeout: float = _number(
        "STOP_TIMEOUT", 30, "seconds", 0.1, 600, "What is in flight may end; orchestrators commonly kill after 30 s."
    )

    # --- PostgreSQL
    external_database: SecretStr | None = _setting(
        "DATABASE_URL",
        None,
        "a URL like postgresql://user:password@host:5432/waystate",
        "Unset (and without DB_HOST), Waystate starts its embedded database. It wins over DB_HOST.",
    )
    db_host: str | None = _setting("DB_HOST", None, "a host, an address or the folder of a socket", "Attaches a database.")
    db_port: int = _port("DB_PORT", 5432, "PostgreSQL's own default.")
    db_name: str = _setting("DB_NAME", "waystate", "the name of a database", "Used with DB_HOST only.")
    db_user: str = _setting(
        AliasChoices("DB_USER", "DB_USERNAME"), "postgres", "the name of a user", "The seeds' default. Used with DB_HOST only."
    )
    db_password: SecretStr | None = _setting("DB_PASSWORD", None, "a password", "Used with DB_HOST only.")
    db_ssl: DbSsl | None = _setting(
        "DB_SSL",
        None,
        "'off', 'require' or 'verify-full'",
        "Unset, DATABASE_URL's sslmode holds, else TLS is used where the server has it. 'verify-full' needs PGSSLROOTCERT.",
    )
    db_logging: bool = _setting("DB_LOGGING", False, "'true' or 'false'", "Logs every statement, without its values, at DEBUG.")
    db_pool_size: int = _number(
        "DB_POOL_SIZE",
        10,
        "connections",
        2,
        500,
        "Per process, and one more to listen: all of them stay under max_connections.",
    )
    db_connect_timeout: float = _number(
        "DB_CONNECT_TIMEOUT", 5, "seconds", 0.1, 60, "A slower database counts as away; callers hear 503 and come again."
    )
    db_statement_timeout: float = _number(
        "DB_STATEMENT_TIMEOUT", 30, "seconds", 0.1, 3600, "Batches take under 1 s; this ends what hangs with its locks."
    )

    # --- what attaches by URL; unset, PostgreSQL, the process and a folder do their work
    external_redis: SecretStr | None = _setting(
        "REDIS_URL",
        None,
        "a URL like redis://host:6379/0, redis+sentinel://host,host/service/0 or redis+cluster://host,host",
        "Shared look-ups, hints and limits; unset, PostgreSQL and each process do it. Wins over REDIS_HOST.",
    )
    redis_host: str | None = _setting("REDIS_HOST", None, "a host or an address", "The seeds' way to say REDIS_URL.")
    redis_port: int = _port("REDIS_PORT", 6379, "Redis' own default.")
    external_broker: SecretStr | None = _setting(
        "AMQP_URL", None, "a URL like amqp://user:password@host:5672/", "RabbitMQ: queues in, events out. Unset, there is none."
    )
    queue_inbound: str = _queue("QUEUE_INBOUND", "inbound-whatsapp-messages", "Customers' messages (InboundMessage).")
    queue_outbound: str = _queue("QUEUE_OUTBOUND", "outbound-genesys-messages", "Agents' messages (OutboundMessage).")
    queue_status: str = _queue("QUEUE_STATUS", "whatsapp-status-updates", "Statuses of messages (StatusUpdate).")
    queue_correlation: str = _queue("QUEUE_CORRELATION", "correlation-events", "Genesys' ids (ConversationCorrelation).")
    queue_send_results: str = _queue("QUEUE_SEND_RESULTS", "send-results", "From whoever sends instead of Waystate.")
    events_exchange: str = _queue("EVENTS_EXCHANGE", "waystate.events", "The topic exchange that every event goes to.")
    events_from: EventsFrom = _setting(
        "EVENTS_FROM",
        "now",
        "'now' or 'beginning'",
        "When RabbitMQ is attached for the first time: what happens from then on, or all events that are still kept.",
    )
    external_objects: SecretStr | None = _setting(
        "OBJECT_STORE_URL",
        None,
        "a URL like s3://bucket/prefix or file:///folder",
        "Holds messages' files. Unset, the folder media of WAYSTATE_HOME does, which processes on other machines do not see.",
    )
    media_scanner_url: str | None = _setting(
        "MEDIA_SCANNER_URL",
        None,
        "an http:// or https:// address",
        "Asked with each file before it is handed out: 200 lets it pass, 406 or 422 holds it. Unset, nothing is scanned.",
        pattern=r"^https?://[^\s/]+\S*$",
    )

    # --- work
    worker_batch: int = _number(
        "WORKER_BATCH", 500, "items", 1, 5000, "One transaction each; measured, more than 500 no longer helps."
    )
    ledger_lanes: int = _number(
        "LEDGER_LANES", 64, "lanes", 1, 1024, "What workers share evenly, if many. The same in every process."
    )
    lease_ttl: float = _number(
        "LEASE_TTL", 5, "seconds", 1, 300, "How long the lanes of a dead worker rest; renewed at a third of it."
    )
    unknown_hold: float = _number(
        "UNKNOWN_HOLD", 30, "seconds", 0, 600, "How long a lost answer holds a customer's queue; 'sent' comes in seconds."
    )
    outage_after: int = _number(
        "OUTAGE_AFTER",
        3,
        "answers",
        1,
        1_000_000,
        "Lost one after the other by WhatsApp, they let the number rest, so that few sends are unknown.",
    )
    cache_ttl: float = _number("CACHE_TTL", 5, "seconds", 0, 5, "The longest that a missed invalidation can show an old row.")
    cache_warm: int = _number(
        "CACHE_WARM", 1000, "customers", 0, 1_000_000, "Of each tenant, the latest; read into Redis after a start."
    )
    tenant_rate_limit: float = _number(
        "TENANT_RATE_LIMIT",
        0,
        "requests/s",
        0,
        1_000_000,
        "Of each tenant without a quota of its own, over /state and /v1 together; 0 is no limit.",
    )
    credential_rate_limit: float = _number(
        "CREDENTIAL_RATE_LIMIT", 0, "requests/s", 0, 1_000_000, "Of one key or session: a script gone wild leaves others room."
    )
    user_rate_limit: float = _number(
        "USER_RATE_LIMIT",
        0,
        "requests/s",
        0,
        1_000_000,
        "Of one person, over all their sessions; nobody clicks 20 times a second.",
    )
    address_rate_limit: float = _number(
        "ADDRESS_RATE_LIMIT",
        0,
        "requests/s",
        0,
        1_000_000,
        "Of one address, a process; behind a proxy set TRUSTED_PROXIES, or it is the only one.",
    )
    refused_rate_limit: float = _number(
        "REFUSED_RATE_LIMIT",
        20,
        "refusals/s",
        0,
        1_000_000,
        "Of one address, a process; more bad keys are told 429 before the database is asked. 0 is no limit.",
    )
    cache_size: int = _number("CACHE_SIZE", 50_000, "entries", 0, 10_000_000, "About 1 KiB each: 50 MiB when full.")

    # --- the platforms
    graph_api_url: str = _setting(
        "GRAPH_API_URL",
        f"https://{_GRAPH}/v26.0",
        "a URL that ends with the API's version",
        "For accounts set up without one.",
        pattern=r"^https?://[^\s/]+",
    )
    egress_hosts: str | None = _setting(
        "EGRESS_HOSTS",
        None,
        "host names, suffixes such as .example.com, addresses or networks such as 10.2.0.0/16, with commas between",
        "Hosts of your own that may be called beside WhatsApp, Genesys and identity providers on the internet.",
        pattern=rf"^{_HOST_LISTED}(\s*,\s*{_HOST_LISTED})*$",
    )
    template_interval: float = _number(
        "TEMPLATE_INTERVAL",
        3600,
        "seconds",
        0,
        86_400,
        "Between listings of an account's message templates, which webhooks keep current; 0 lists them when asked to alone.",
    )
    send_timeout: float = _number(
        "SEND_TIMEOUT", 30, "seconds", 1, 300, "A slower answer counts as lost; a WhatsApp send is then 'unknown'."
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_config` hands over: the environment is a parameter."""
        return (init_settings,)

    @field_validator("home")
    @classmethod
    def _check_home(cls, value: Path) -> Path:
        path = value.expanduser()
        if not path.is_absolute():
            raise ValueError(value)
        return path

    @field_validator("log_level", "trusted_mode", "db_ssl", "events_from", mode="before")
    @classmethod
    def _spell(cls, value: str, info: ValidationInfo) -> str:
        return value.upper().replace("WARNING", "WARN") if info.field_name == "log_level" else value.lower()

    @field_validator("master_key")
    @classmethod
    def _check_key(cls, value: SecretStr) -> SecretStr:
        parse_key(value.get_secret_value())
        return value

    @field_validator("other_master_keys")
    @classmethod
    def _check_keys(cls, value: SecretStr) -> SecretStr:
        parse_keys(value.get_secret_value())
        return value

    @field_validator("external_database", "external_redis", "external_broker", "external_objects")
    @classmethod
    def _check_url(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in _SCHEMES[str(info.field_name)] or not (parts.netloc or parts.path or parts.query):
            raise ValueError
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        lonely = [field.upper() for field in _NEED_A_HOST if field in self.model_fields_set]
        if lonely and self.db_host is None and self.external_database is None:
            raise ConfigError(
                f"{lonely[0]} is set but DB_HOST is not, so it is unclear which database is meant; "
                f"set DB_HOST=localhost (or wherever it runs), or unset {lonely[0]} to use the embedded database."
            )
        if self.other_master_keys is not None and self.master_key is None:
            raise ConfigError(
                "WAYSTATE_MASTER_KEYS_OLD is set but WAYSTATE_MASTER_KEY is not; set the key that seals, too. "
                "Keys in files need neither."
            )
        if self.webhook_port == self.port:
            raise ConfigError(f"WEBHOOK_PORT and PORT are both {self.port}; give the webhooks a port of their own.")
        if self.external_database and self.db_ssl and "sslmode=" in self.external_database.get_secret_value():
            raise ConfigError("DB_SSL is set and DATABASE_URL has an sslmode as well; remove one of the two.")
        return self

    @property
    def database_url(self) -> str | None:
        """Where PostgreSQL is, with its password; None means the embedded one."""
        if self.external_database is not None:
            url = self.external_database.get_secret_value()
            return url if self.db_ssl is None else f"{url}{'&' if '?' in url else '?'}sslmode={_SSL_MODES[self.db_ssl]}"
        return None if self.db_host is None else _postgres_url(self)

    @property
    def listed_origins(self) -> tuple[str, ...]:
        """Those of CORS_ORIGINS."""
        return tuple(_listed(self.cors_origins))

    @field_validator("egress_hosts", "trusted_proxies")
    @classmethod
    def _check_networks(cls, value: str | None, info: ValidationInfo) -> str | None:
        for each in _listed(value):
            if "/" in each or info.field_name == "trusted_proxies":
                ip_network(each)
        return value

    @property
    def listed_proxies(self) -> list[str]:
        """Those of TRUSTED_PROXIES."""
        return _listed(self.trusted_proxies)

    @property
    def own_hosts(self) -> tuple[str, ...]:
        """Those of EGRESS_HOSTS, and that of GRAPH_API_URL."""
        graph = urlsplit(self.graph_api_url).hostname or ""
        return (*_listed(self.egress_hosts), *([] if graph == _GRAPH else [graph]))

    @property
    def own_origins(self) -> tuple[str, ...]:
        """Whose pages may act with a session: the listed ones, and our own, which a proxy may hide in the Host header."""
        return self.listed_origins if self.public_url is None else (*self.listed_origins, self.public_url)

    @property
    def redis_url(self) -> str | None:
        if self.external_redis is None and self.redis_host is not None:
            return f"redis://{_host(self.redis_host)}:{self.redis_port}/0"
        return _revealed(self.external_redis)

    @property
    def amqp_url(self) -> str | None:
        return _revealed(self.external_broker)

    @property
    def object_store_url(self) -> str | None:
        return _revealed(self.external_objects)


def load_config(environ: Mapping[str, str] | None = None) -> Config:
    """Read the settings once. `ConfigError` says which one, what is wrong, what to write. An empty variable counts as unset."""
    environ = os.environ if environ is None else environ
    given = {name: value.strip() for name, value in environ.items() if value.strip()}
    try:
        return Config.model_validate(given)
    except ValidationError as error:
        raise ConfigError(_sentence(error, given)) from None


def parse_key(text: str) -> bytes:
    """32 bytes from 64 hexadecimal digits or from base64 (either alphabet); ValueError otherwise."""
    if len(text) == 64:
        return bytes.fromhex(text)
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ValueError("not 32 bytes")
    return key


def parse_keys(text: str) -> list[bytes]:
    """Those between the commas; ValueError if one is none."""
    return [parse_key(each.strip()) for each in text.split(",") if each.strip()]


def _sentence(error: ValidationError, given: Mapping[str, str]) -> str:
    name = str(error.errors(include_url=False, include_context=False)[0]["loc"][0])
    field, info = next((field, info) for field, info in Config.model_fields.items() if name in (field, *_variables(info)))
    variable = next((each for each in _variables(info) if each in given), _variables(info)[0])
    secret = "SecretStr" in str(info.annotation)
    shown = "has a value that cannot be used" if secret else f"is {given.get(variable, '')!r}, which cannot be used"
    default = getattr(Config.model_construct(), field)
    example = (
        "" if secret or default is None else f", for example {variable}={str(default).lower() if default is False else default}"
    )
    return f"{variable} {shown}; write {info.title}{example}."


def _variables(info: Any) -> list[str]:
    alias = info.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [str(alias)]


def _postgres_url(config: Config) -> str:
    """A folder as host means a Unix socket there; drivers take it as a query parameter."""
    host, port = config.db_host or "", config.db_port
    user = quote(config.db_user, safe="")
    if config.db_password is not None:
        user += ":" + quote(config.db_password.get_secret_value(), safe="")
    query = {"host": host, "port": str(port)} if host.startswith("/") else {}
    if config.db_ssl is not None:
        query["sslmode"] = _SSL_MODES[config.db_ssl]
    place = "" if host.startswith("/") else f"{_host(host)}:{port}"
    return f"postgresql://{user}@{place}/{quote(config.db_name, safe='')}" + (f"?{urlencode(query)}" if query else "")


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


def _listed(value: str | None) -> list[str]:
    return [each.strip() for each in (value or "").split(",") if each.strip()]


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
