"""PyDough source: read, allow-list, compile, run read-only; its key terms and normal form."""
