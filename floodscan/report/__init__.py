"""Runs for people to read: tables on a screen, and pictures."""
