"""Areas on the Earth: footprints, rasters, pixel grids and what they cover."""
