"""Passes that were acquired, and that the collection of their scenes lacks."""
