import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from waystate.config import Config, load_config, parse_key
from waystate.errors import ConfigError

KEY = "0f" * 32


def refusal(**environ: str) -> str:
    with pytest.raises(ConfigError) as refused:
        load_config(environ)
    return str(refused.value)


def test_nothing_set_means_the_embedded_database_on_loopback() -> None:
    config = load_config({})
    assert (config.database_url, config.redis_url, config.amqp_url, config.object_store_url) == (None, None, None, None)
    assert (config.host, config.port, config.trusted_mode, config.log_level) == ("127.0.0.1", 3005, "off", "INFO")
    assert config.home == (Path("/var/lib/waystate") if os.geteuid() == 0 else Path.home() / ".local/share/waystate")


def test_the_defaults_are_what_the_design_measured() -> None:
    config = load_config({})
    assert (config.worker_batch, config.ledger_lanes, config.db_pool_size, config.max_body) == (500, 64, 10, 4 * 1024 * 1024)
    assert (config.lease_ttl, config.unknown_hold, config.cache_ttl) == (5, 30, 5)


def test_the_environment_is_the_parameter_and_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "4000")
    assert load_config({}).port == 3005
    assert load_config().port == 4000


def test_the_variables_of_the_seeds_attach_a_database_and_redis() -> None:
    config = load_config(
        {
            "PORT": "3006",
            "DB_HOST": "localhost",
            "DB_PORT": "5433",
            "DB_NAME": "waba_mvp",
            "DB_USER": "postgres",
            "DB_PASSWORD": "postgres",
            "DB_LOGGING": "true",
            "REDIS_HOST": "cache.internal",
            "REDIS_PORT": "6380",
            "LOG_LEVEL": "debug",
        }
    )
    assert config.database_url == "postgresql://postgres:postgres@localhost:5433/waba_mvp"
    assert config.redis_url == "redis://cache.internal:6380/0"
    assert (config.port, config.db_logging, config.log_level) == (3006, True, "DEBUG")


def test_a_database_url_is_quoted_where_it_must_be() -> None:
    config = load_config({"DB_HOST": "::1", "DB_USERNAME": "a@b", "DB_PASSWORD": "p/w:?", "DB_SSL": "verify-full"})
    assert config.database_url == "postgresql://a%40b:p%2Fw%3A%3F@[::1]:5432/waystate?sslmode=verify-full"


def test_a_folder_as_host_is_a_unix_socket() -> None:
    assert load_config({"DB_HOST": "/run/pg"}).database_url == "postgresql://postgres@/waystate?host=%2Frun%2Fpg&port=5432"


@pytest.mark.parametrize(("url", "joined"), [("postgres://h/d", "?"), ("postgresql://h/d?application_name=x", "&")])
def test_database_url_wins_over_db_host_and_takes_the_tls_mode(url: str, joined: str) -> None:
    config = load_config({"DATABASE_URL": url, "DB_HOST": "elsewhere", "DB_SSL": "REQUIRE"})
    assert config.database_url == f"{url}{joined}sslmode=require"


def test_the_later_attachments_are_accepted() -> None:
    config = load_config({"REDIS_URL": "rediss://r/1", "AMQP_URL": "amqp://u:p@q/", "OBJECT_STORE_URL": "s3://bucket/media"})
    assert (config.redis_url, config.amqp_url, config.object_store_url) == (
        "rediss://r/1",
        "amqp://u:p@q/",
        "s3://bucket/media",
    )


def test_an_empty_variable_counts_as_unset() -> None:
    config = load_config({"DATABASE_URL": "", "DB_HOST": " ", "PORT": "", "DB_PASSWORD": ""})
    assert (config.database_url, config.port) == (None, 3005)


def test_it_is_frozen() -> None:
    with pytest.raises(ValidationError):
        load_config({}).port = 1


def test_no_secret_shows_in_its_repr() -> None:
    config = load_config(
        {
            "DATABASE_URL": "postgresql://u:s3cr3t@h/d",
            "DB_PASSWORD": "s3cr3t",
            "REDIS_URL": "redis://:s3cr3t@r/0",
            "AMQP_URL": "amqp://u:s3cr3t@q/",
            "OBJECT_STORE_URL": "s3://key:s3cr3t@bucket",
            "WAYSTATE_MASTER_KEY": KEY,
        }
    )
    assert "s3cr3t" not in f"{config!r} {config}"
    assert KEY not in repr(config)


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("PORT", "http", "PORT is 'http', which cannot be used; write a TCP port from 1 to 65535, for example PORT=3005."),
        ("DB_POOL_SIZE", "0", "write a number of connections from 2 to 500, for example DB_POOL_SIZE=10."),
        ("LEASE_TTL", "soon", "write a number of seconds from 1 to 300, for example LEASE_TTL=5."),
        ("MAX_BODY", "4MiB", "write a number of bytes from 1024 to 67108864, for example MAX_BODY=4194304."),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud', which cannot be used; write one of DEBUG, INFO, WARN, ERROR, CRITICAL"),
        ("TRUSTED_MODE", "on", "write 'off' or 'loopback'"),
        ("DB_SSL", "maybe", "write 'off', 'require' or 'verify-full'"),
        ("DB_LOGGING", "perhaps", "write 'true' or 'false', for example DB_LOGGING=false."),
        ("WAYSTATE_HOME", "data", "write an absolute path of a folder"),
        ("GRAPH_API_URL", "graph.facebook.com", "write a URL that ends with the API's version"),
        ("DB_PASSWORD", "x", "DB_PASSWORD is set but DB_HOST is not"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_write_instead(name: str, value: str, advice: str) -> None:
    sentence = refusal(**{name: value})
    assert sentence.startswith(name)
    assert advice in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://u:s3cr3t@h/d"),
        ("DATABASE_URL", "postgresql://[u:s3cr3t"),
        ("REDIS_URL", "u:s3cr3t@h"),
        ("AMQP_URL", "https://u:s3cr3t@h"),
        ("WAYSTATE_MASTER_KEY", "s3cr3t"),
    ],
)
def test_a_wrong_secret_is_named_but_not_repeated(name: str, value: str) -> None:
    sentence = refusal(**{name: value})
    assert sentence.startswith(f"{name} has a value that cannot be used; write ")
    assert "s3cr3t" not in sentence


def test_two_tls_modes_are_refused() -> None:
    assert "remove one" in refusal(DATABASE_URL="postgresql://h/d?sslmode=require", DB_SSL="off")


def test_every_number_says_its_unit_and_its_reason() -> None:
    for name, field in Config.model_fields.items():
        assert field.title, name
        assert field.description, name


@pytest.mark.parametrize(
    "text", [KEY, KEY.upper(), "Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8=", "Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8"]
)
def test_a_key_is_read_from_hexadecimal_and_base64(text: str) -> None:
    assert parse_key(text) == bytes.fromhex(KEY)


@pytest.mark.parametrize("text", ["", "0f" * 31, "zz" * 32, "Dw8P", "!" * 43])
def test_what_is_not_32_bytes_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_key(text)


def test_webhooks_have_a_port_of_their_own_or_none() -> None:
    assert load_config({}).webhook_port is None
    assert load_config({"WEBHOOK_PORT": "3010"}).webhook_port == 3010
    assert refusal(WEBHOOK_PORT="3005") == "WEBHOOK_PORT and PORT are both 3005; give the webhooks a port of their own."
