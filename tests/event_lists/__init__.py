"""Tests of ``floodscan.event_lists``."""
