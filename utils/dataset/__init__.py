"""From proven examples to a released set: duplicates, splits, SFT records and their checks, manifest, report."""
