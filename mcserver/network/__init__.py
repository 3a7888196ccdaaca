"""Connections: what the server listens on, and how one client is served."""
