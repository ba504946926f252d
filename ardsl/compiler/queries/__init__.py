"""Conditional distributions that no single factor of the spec gives."""
