"""The state manager between WhatsApp Business and Genesys Cloud."""

__version__ = "0.1.0"
