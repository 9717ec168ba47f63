"""What is generated from docs/reference/openapi.json: `make clients` writes it."""
