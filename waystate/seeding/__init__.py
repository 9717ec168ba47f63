"""Sample data: people and conversations that look real and are of nobody, for trying and for tests. Nothing of it is sent."""
