"""The default model: multilingual-e5-small, built once from the 4-bit weights that an installed package carries."""
