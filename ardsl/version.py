"""The version of the package, on its own: what writes it down imports nothing else of the top level."""

__version__ = "0.1.0"
