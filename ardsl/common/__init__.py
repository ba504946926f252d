"""The ground of all stages: wording."""
