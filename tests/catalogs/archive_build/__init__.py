"""Tests of own archives."""
