"""The runtime: data, training, evaluation, run folders and outputs."""
