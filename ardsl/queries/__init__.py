"""Queries: likelihoods, predictions, gaps filled and calibration of a model on data."""
