"""Text to syntax tree and back: ``parse(source, sink) -> Tree`` and ``format_tree(tree) -> str``."""

from ardsl.language.formatter import format_tree
from ardsl.language.parser import parse

__all__ = ["format_tree", "parse"]
