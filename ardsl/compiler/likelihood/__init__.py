"""The density of a spec on flat values, and what is computed of it."""
