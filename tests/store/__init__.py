"""Tests of ``floodscan.store``."""
