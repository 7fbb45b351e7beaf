"""The figure of a study."""

from pathlib import Path

from experiments import comparison_figure
from experiments import figure as figures
from experiments.headline.report import Report


def draw(report: Report, path: Path) -> None:
    """Draws learning curves and firing rates, with deviations over seeds.

    Args:
      report: what to draw; at most five arms.
      path: the PNG file, which appears only when it is complete.

    Raises:
      DataError: if matplotlib is not installed.
    """
    figure = figures.new(11, 4.4)
    curves, rates = figure.subplots(1, 2, width_ratios=(2, 3))
    summaries = {arm.title: arm.summary for arm in report.arms.values()}
    colours = figures.colours([arm.config.neuron for arm in report.arms.values()])
    comparison_figure.curves(curves, summaries, colours)
    curves.set_ylabel(f"{report.config.evaluate_on} accuracy (%)")
    comparison_figure.bars(rates, summaries, colours, "firing_rate")
    rates.set_ylabel("spikes per neuron and step")
    rates.tick_params("x", labelsize=7)
    handles = curves.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(report.title, fontsize=10)
    figures.save(figure, path, dpi=150)
