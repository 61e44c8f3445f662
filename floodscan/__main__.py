"""Runs the command line with ``python -m floodscan``."""

from floodscan.cli.main import main

if __name__ == "__main__":
    main()
