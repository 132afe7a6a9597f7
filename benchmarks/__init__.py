"""What the memory costs, beside the same statements on the raw driver: `python -m benchmarks`; docs/benchmarks.md."""
