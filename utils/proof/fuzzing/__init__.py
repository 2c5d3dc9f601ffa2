"""Data made for one query: what the query asks of it, values beside its constants, rows, keys and links."""
