"""Fixtures for the servers of `floodscan.testing.servers`, and tests that they answer alike."""
