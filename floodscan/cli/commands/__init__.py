"""The commands, one module each.

``--help`` imports all of these modules, so each imports click and the options only. A command
imports the rest when it runs: pyarrow, shapely and Dask take seconds.
"""
