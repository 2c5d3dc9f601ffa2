"""Retrieval: the PyDough manual, its chunks, search over them, and documentation made of what was found."""
