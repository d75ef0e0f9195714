"""Benchmarks: each beside a named peer, in one run, in this process."""
