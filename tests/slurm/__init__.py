"""Sweeps on a real SLURM that runs on this machine for the tests."""
