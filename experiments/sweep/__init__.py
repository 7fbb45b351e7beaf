"""Training over grids of hyper-parameters, as the paper's robustness study (App. F)."""
