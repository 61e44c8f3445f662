"""Dask resources of workers, for nodes without internet access: some search, the rest compute."""

SEARCH = "floodscan-search"
"""Resource of workers that reach the catalog, one per thread."""

SCORE = "floodscan-score"
"""Resource of workers on nodes, one per thread; they run everything but searches."""
