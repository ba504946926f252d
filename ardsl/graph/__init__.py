"""The declared graph of a model: what may depend on what, how it is checked, scheduled and drawn."""
