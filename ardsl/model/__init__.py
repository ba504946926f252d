"""The checked model of a spec: ``check_model`` makes it from a syntax tree."""
