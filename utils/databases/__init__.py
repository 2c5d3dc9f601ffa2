"""Embedded databases: build them, name them, connect read-only, check graphs against data."""
