"""The machine: files written whole or not at all, devices by name, and the processes that work together."""
