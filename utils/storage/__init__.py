"""Google Cloud Storage, through its own client."""
