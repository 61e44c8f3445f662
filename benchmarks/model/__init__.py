"""A model of a sweep: measured costs, a simulation of the scheduler, and predictions."""
