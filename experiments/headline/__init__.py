"""QIF against LIF in the paper's headline experiments, at a size of choice."""
