"""Measurements of Waystate; docs/reference/benchmarks.md says what each one means."""

TOPICS = (
    "lookups",
    "track",
    "status",
    "pipelines",
    "tenants",
    "webhooks",
    "latency",
    "sends",
    "bulk",
    "customers",
    "planned",
    "queues",
    "cache",
    "access",
    "footprint",
    "reading",
)
"""What `--only` takes."""
