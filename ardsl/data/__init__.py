"""Data: sources of any form, read and checked as one tensor for each variable."""
