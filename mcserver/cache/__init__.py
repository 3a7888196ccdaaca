"""The semantic cache: the only room that awaits stores and embedders."""

from mcserver.cache.semantic import SemanticCache

__all__ = ["SemanticCache"]
