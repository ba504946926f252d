"""Layers of lattice networks: a file says all there is of one, its plan, its whole evaluation, and its steps."""
