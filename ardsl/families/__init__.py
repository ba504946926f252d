"""Domains and conditional families: what values an element takes, and the distributions that a factor may give it.

Resolving a spec's names needs no torch; :mod:`ardsl.families.distributions` builds what was resolved.
"""
