"""Lists of floods that others publish, converted to event files of floodscan."""
