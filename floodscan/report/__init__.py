"""Runs as people look at them: tables on a screen, pictures."""
