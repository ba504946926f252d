"""The command line: ``ardsl.cli:main`` is the group of all commands."""

from ardsl.cli.app import main

__all__ = ["main"]
