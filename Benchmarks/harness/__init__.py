"""What `Benchmarks/run` and `Benchmarks/selftest` are made of; Python's standard library only."""
