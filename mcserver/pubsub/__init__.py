"""Publish/subscribe, and what is published of changes to models."""
