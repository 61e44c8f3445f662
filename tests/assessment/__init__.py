"""Tests of ``floodscan.assessment``."""
