"""The paper's figures of trained networks, each drawn from numbers that are saved."""
