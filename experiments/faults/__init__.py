"""Faults planted into real runs: what each of them ends in, and what it costs."""
