"""Tests of ``floodscan.planning``."""
