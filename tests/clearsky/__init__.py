"""Tests of the reading of clear ground."""
