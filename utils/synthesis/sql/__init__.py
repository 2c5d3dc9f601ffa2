"""An intent as SQL, written from the tree alone."""

from utils.synthesis.sql.render import render_sql

__all__ = ["render_sql"]
