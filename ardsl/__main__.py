"""``python -m ardsl``: the command line."""

from ardsl.cli import main

main()
