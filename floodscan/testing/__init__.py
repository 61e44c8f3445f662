"""Tools that the tests, the benchmarks and the demo share, and that other tests may use.

``fake_catalog`` fails on demand, ``synthetic`` generates catalogs anywhere on Earth, and
``servers`` starts real STAC APIs. Some modules need the development dependencies.
"""
