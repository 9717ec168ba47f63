"""Models and methods. Generated from docs/reference/openapi.json: `make clients` writes it."""
