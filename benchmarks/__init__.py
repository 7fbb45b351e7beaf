"""Measurements that are no experiments: robustness of readers, speed of data."""
