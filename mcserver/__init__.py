"""mcserver: a semantic cache for LLM applications that speaks the Redis protocol."""

__version__ = "0.1.0"
