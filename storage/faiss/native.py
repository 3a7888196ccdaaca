"""The FAISS library, untyped: its own stubs lack much of what is used here (search parameters, HNSW links, distance kernels)."""

from typing import Any

import faiss as library

faiss: Any = library
