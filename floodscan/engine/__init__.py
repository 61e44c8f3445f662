"""Batches as Dask tasks: how many are in flight, which are left, and which crash their workers."""
