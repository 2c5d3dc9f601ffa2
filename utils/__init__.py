"""The rooms of the pipeline; see the README for which room holds what."""
