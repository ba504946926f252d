"""Evaluation by steps: schedules, draws, the walk, and what it is used for."""
