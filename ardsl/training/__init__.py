"""Training: a spec fitted to data."""
