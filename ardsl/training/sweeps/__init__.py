"""Sweeps: a spec trained for many values of its parameters."""
