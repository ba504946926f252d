"""Trainings in several processes that act as one."""
