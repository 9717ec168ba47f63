"""Servers that tests start for themselves, from PATH."""
