"""Vector index inside the process: FAISS graphs beside a short exact tail, one pair per (model, partition)."""

from storage.faiss.index import FaissIndex

__all__ = ["FaissIndex"]
