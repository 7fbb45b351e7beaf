"""Networks and layers in Flax Linen."""

from qifjax.nn.compiler import compiler_options
from qifjax.nn.functional import pure
from qifjax.nn.inspect import by_layer, inspect_populations, operations
from qifjax.nn.layers import Conv, Dense, Dropout, Spiking, avg_pool, max_pool
from qifjax.nn.network import SpikingNetwork
from qifjax.nn.norm import TDBatchNorm
from qifjax.nn.registry import create, names, options
from qifjax.nn.remat import Remat
from qifjax.nn.statistics import PopulationStatistics
from qifjax.nn.windows import MeasuredWindow, WindowChoice, WindowName, named_window

__all__ = [
    "Conv",
    "Dense",
    "Dropout",
    "MeasuredWindow",
    "PopulationStatistics",
    "Remat",
    "Spiking",
    "SpikingNetwork",
    "TDBatchNorm",
    "WindowChoice",
    "WindowName",
    "avg_pool",
    "by_layer",
    "compiler_options",
    "create",
    "inspect_populations",
    "max_pool",
    "named_window",
    "names",
    "operations",
    "options",
    "pure",
]
