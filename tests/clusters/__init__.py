"""Tests of ``floodscan.clusters`` that need no SLURM."""
