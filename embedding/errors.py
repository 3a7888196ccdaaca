"""What this room may raise; nothing else crosses the seam."""


class EmbeddingError(Exception):
    """Root of this room's errors."""


class EmbedderOverloaded(EmbeddingError):
    """The queue of texts is full; nothing was accepted."""


class EmbedderUnavailable(EmbeddingError):
    """The model failed or is closed."""


class ModelFilesError(EmbeddingError):
    """A model folder is missing, incomplete or not what it should be. Needs an operator."""
