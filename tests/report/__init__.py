"""Tests of ``floodscan.report``."""
