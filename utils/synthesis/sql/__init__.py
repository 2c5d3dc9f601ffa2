"""An intent as SQL, written from the tree alone: `render_sql` of `render.py`."""
