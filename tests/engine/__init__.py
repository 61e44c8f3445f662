"""Tests of ``floodscan.engine``."""
