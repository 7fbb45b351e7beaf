"""Command lines: the only part of the project that prints, draws and writes results."""
