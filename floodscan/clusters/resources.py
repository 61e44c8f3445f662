"""The two kinds of workers where nodes have no way out: some search, the others do everything else."""

SEARCH = "floodscan-search"
"""Dask resource of workers that reach the catalog, one per thread."""

SCORE = "floodscan-score"
"""Dask resource of workers on nodes, one per thread."""
