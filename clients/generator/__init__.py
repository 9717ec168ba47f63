"""Writes the Python client's models and methods from `docs/reference/openapi.json`. `make clients` runs it."""
