"""How a sweep scales: with workers, and with searches on their way at once.

``python -m benchmarks.scaling --help``.
"""
