"""Dependence found by probing: of compiled modules, and of anybody's."""
