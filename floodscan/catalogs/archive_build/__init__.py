"""Own archives: the items of a STAC API, written as stac-geoparquet month by month."""
