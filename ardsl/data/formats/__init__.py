"""Formats: the files that data comes in, one module a format."""
