"""Dependence found by probing: of compiled modules, and of any torch code."""
