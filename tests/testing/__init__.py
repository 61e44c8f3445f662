"""Tests of ``floodscan.testing``."""
