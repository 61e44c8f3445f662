"""What the tests, the benchmarks and the demo share."""
