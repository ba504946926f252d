"""One thread a worker: the suite runs on two cores. Where a machine decides over a change, examples are the same each
time."""

import os

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("repeatable", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("repeatable")
