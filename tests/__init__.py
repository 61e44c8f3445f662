"""Tests of floodscan."""
