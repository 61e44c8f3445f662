"""Real servers on this machine: two STAC APIs, a proxy with faults, Azure Storage and its tokens.

Each runs in a process of its own, on a free port of the loopback interface. They need the
development dependencies. The API on PostgreSQL needs PostGIS, and Azure Storage needs Azurite.
"""
