"""Outputs: results as files, and figures of them."""
