"""Sketches: a spec for a table, ready to train."""
