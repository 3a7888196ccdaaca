"""How a text becomes a vector: one seam, a micro-batcher and one module per provider."""
