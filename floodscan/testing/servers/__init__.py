"""Real servers on this machine: two STAC APIs, a proxy with faults, and a SAS token endpoint.

Each runs in a process of its own, on a free port of the loopback interface. They need the
development dependencies, and the one on PostgreSQL needs PostGIS too.
"""
