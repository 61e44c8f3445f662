"""Batches as Dask tasks: what is in flight, what is left, what is isolated."""
