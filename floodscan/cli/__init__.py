"""The command line.

``main`` runs it, ``commands`` holds one module per command, ``options`` the options that they
share, and ``output`` prints their results.
"""
