"""Tests of ``floodscan.geometry``."""
