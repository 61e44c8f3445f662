"""Tests of ``floodscan.inputs``."""
