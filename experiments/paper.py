"""What the paper says of its experiments, by the name of the configuration.

Its accuracy tables are lost with its figures; brackets follow from its text.
"""

ENERGY_MJ = {
    "cifar10_resnet19": (0.968, 0.531),
    "cifar100_resnet19": (0.958, 0.778),
    "cifar10_dvs_vggsnn": (0.848, 0.361),
    "n_caltech101_vgg11": (0.788, 0.374),
    "n_cars_vggsnn": (1.090, 0.259),
    "dvs128_gesture": (1.095, 0.724),
}
"""Energy of an example by eq. 17 with LIF and with QIF, in mJ (Table 1)."""

LESS_SPIKING = {"cifar10_resnet19": 0.46}
"""By which share QIF spikes less than LIF (section 5.2), where it is told."""

LESS_SPIKING_ON_AVERAGE = 0.4547
"""The same, over all data sets."""

QIF_ACCURACY = {
    "cifar10_resnet19": "94.0 to 94.9 %",
    "cifar100_resnet19": "at least 76.3 %",
    "cifar10_dvs_vggsnn": "84 to 85 %",
    "n_caltech101_vgg11": "80.0 to 80.2 %",
    "n_cars_vggsnn": "at least 90.2 %",
    "dvs128_gesture": "96.2 to 96.9 %",
}
"""Accuracy with QIF, at T = 2 on images and T = 10 on recordings."""

LATER_ACCURACY = {"cifar10_resnet19": "96.70 %", "cifar10_dvs_vggsnn": "83.00 %"}
"""The same in the authors' later version of the paper, which trains with TET."""
