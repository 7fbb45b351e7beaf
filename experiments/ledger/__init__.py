"""What the paper says, and what is measured here: docs/results/paper.md."""
