"""Draws typed intents over a model: which collection, what conditions, what is measured, and in which shape."""

from utils.synthesis.sampling.lots import NothingFitsError
from utils.synthesis.sampling.sampler import FAMILIES, Sampler

__all__ = ["FAMILIES", "NothingFitsError", "Sampler"]
