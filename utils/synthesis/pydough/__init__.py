"""An intent as PyDough."""

from utils.synthesis.pydough.program import render_pydough

__all__ = ["render_pydough"]
