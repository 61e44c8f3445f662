"""Tests of ``floodscan.cli``."""
