"""Real servers for the tests: two STAC APIs and a SAS token endpoint, each on a port of its own."""
