"""How a sweep scales: with workers, and with the number of requests at once.

``python -m benchmarks.scaling --help``.
"""
