"""Readers of input files: events and recipes. They report all problems of a file at once."""
