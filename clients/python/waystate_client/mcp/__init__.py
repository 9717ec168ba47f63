"""Waystate for models, over the Model Context Protocol: `waystate-mcp`, or `waystate mcp` where the server is installed too."""
