"""The headline studies: trained once, resumed, kept small, judged by a stated rule."""

import dataclasses
import json
import math
import shutil

import jax
import pytest

from experiments import config as configs
from experiments import paper
from experiments.comparison import spread
from experiments.headline import __main__ as headline
from experiments.headline import studies, trainings, verdicts
from experiments.headline.claims import claims
from experiments.headline.page import page
from experiments.headline.report import summarise
from experiments.headline.studies import STUDIES, Study
from experiments.headline.verdicts import Effect
from experiments.run_folder import RunFolder
from tests.runs import invented, sharing_programs, signalled

pytestmark = pytest.mark.usefixtures("standard_promotion")

SMALL = Study(
    paper="digits_lenet5",
    classes=10,
    smaller={"limit": 160, "batch_size": 32, "epochs": 2},
    arms={"qif": {"neuron": "qif"}, "lif": {"neuron": "lif"}},
)
RUNS = ("qif-seed0", "lif-seed0", "qif-seed1", "lif-seed1")


@pytest.fixture(scope="module", autouse=True)
def small_study():
    """A study on digits; of the paper's numbers it borrows those of ResNet-19."""
    with pytest.MonkeyPatch.context() as patch, sharing_programs():
        patch.setitem(STUDIES, "small", SMALL)
        for table in (paper.ENERGY_MJ, paper.QIF_ACCURACY, paper.LATER_ACCURACY):
            patch.setitem(table, "digits_lenet5", table["cifar10_resnet19"])
        yield


def command(folder, *more):
    where = ("--workdir", str(folder / "runs"), "--out", str(folder / "page.json"))
    headline.main(["small", *where, *more])


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        headline.main([*map(str, arguments)])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture(scope="module")
def trained(small_study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("headline")
    with jax.numpy_dtype_promotion("standard"):
        command(folder)
    return folder


@pytest.fixture
def kept(trained, tmp_path):
    """What is kept of the trained study, as in a clean clone."""
    shutil.copytree(trained / "page", tmp_path / "page")
    return tmp_path


@pytest.fixture
def no_training(monkeypatch):
    def run(config, *_, **__):
        pytest.fail(f"{config.neuron} seed {config.seed} is trained again")

    monkeypatch.setattr(trainings, "run", run)


def test_every_run_is_kept_small_and_without_weights(trained):
    assert {path.name for path in (trained / "page").iterdir()} == set(RUNS)
    for name in RUNS:
        run, kept = (
            RunFolder(trained / "runs" / name),
            RunFolder(trained / "page" / name),
        )
        assert kept.result() == run.result()
        assert kept.config() == run.config()
        for mine, theirs in zip(kept.metrics(), run.metrics(), strict=True):
            assert mine.items() < theirs.items()
            assert {"epoch", "loss", "accuracy", "train_loss"} <= mine.keys()
        files = {path.name: path.stat().st_size for path in kept.path.iterdir()}
        assert files.keys() == {"config.json", "metrics.jsonl", "result.json"}
        assert sum(files.values()) < 20_000


def test_finished_runs_are_not_trained_again(kept, trained, no_training):
    command(kept)
    assert not (kept / "runs").exists()
    assert (
        json.loads((kept / "page.json").read_text())["summaries"]
        == (json.loads((trained / "page.json").read_text())["summaries"])
    )


def test_the_page_is_made_from_what_is_kept_alone(kept, no_training):
    command(kept, "--only-page", "--stop-after", "2h", "--data-dir", "nowhere")
    text = (kept / "page.md").read_text()
    assert text.startswith("# Lenet5 on 160 examples of digits, 2 epochs: not the")
    assert "Not finished yet" not in text
    assert "page.json --data-dir nowhere` from runs on " in text
    assert "(page.png)" in text
    assert (kept / "page.png").read_bytes()[:4] == b"\x89PNG"
    accuracies = [
        RunFolder(kept / "page" / name).result()["test"]["accuracy"]
        for name in ("qif-seed0", "qif-seed1")
    ]
    qif = next(line for line in text.split("\n") if line.startswith("| QIF, T = 2"))
    assert qif.startswith("| QIF, T = 2, rate 0.005 (the paper's) | 0, 1 | ")
    assert f"| {spread(accuracies).format('.2f', 100)} |" in qif
    assert "| limit | 160 | 0 |" in text
    assert "| epochs | 2 | 15 |" in text
    assert "learning_rate |" not in text


def test_the_page_says_what_is_missing(kept, capsys):
    shutil.rmtree(kept / "page/lif-seed1")
    command(kept, "--only-page")
    said = "**Not finished yet:** LIF, T = 2, rate 0.005 (the paper's) (seeds 1)."
    assert said in (kept / "page.md").read_text()
    shutil.rmtree(kept / "page/lif-seed0")
    command(kept, "--only-page")
    text = (kept / "page.md").read_text()
    assert "(the paper's) (all 2 seeds)." in text
    assert "No two arms that could be compared are finished." in text
    shutil.rmtree(kept / "page/qif-seed0")
    shutil.rmtree(kept / "page/qif-seed1")
    line = refused(capsys, "small", "--only-page", "--out", kept / "page.json")
    assert "page holds no finished run of qif, which the others are held" in line


def test_a_signal_stops_and_the_same_command_goes_on(
    trained, tmp_path, monkeypatch, capsys
):
    with signalled(monkeypatch):
        command(tmp_path, "--seeds", "1")
    said = capsys.readouterr().out
    assert "stopped: SIGTERM at step 5 of 10; checkpoint: " in said
    assert "; go on with: python -m experiments.headline small --workdir " in said
    assert not (tmp_path / "page.md").exists()
    command(tmp_path, "--seeds", "1")
    for name in RUNS[:2]:
        mine, whole = (RunFolder(f / "page" / name) for f in (tmp_path, trained))
        assert mine.result()["test"] == whole.result()["test"]
        assert mine.metrics() == whole.metrics()


def test_a_study_goes_on_elsewhere_from_what_is_packed(trained, tmp_path, monkeypatch):
    """A sitting on another machine begins with the packed run and the kept ones."""
    here, there = tmp_path / "here", tmp_path / "there"
    pack = ("--seeds", "1", "--pack-state", str(tmp_path / "packed"))
    with signalled(monkeypatch):
        command(here, *pack)
    assert [folder.name for folder in (tmp_path / "packed").iterdir()] == [RUNS[0]]
    command(there, *pack)
    assert not list((tmp_path / "packed").iterdir())
    for name in RUNS[:2]:
        mine, whole = (RunFolder(f / "page" / name) for f in (there, trained))
        assert mine.result()["test"] == whole.result()["test"]
        assert mine.metrics() == whole.metrics()
    assert "--pack-state" not in (there / "page.md").read_text()


def test_finished_runs_are_kept_before_any_deadline(trained, tmp_path, capsys):
    """Also those that were finished, but not kept, by a command that was killed."""
    shutil.copytree(trained / "runs" / RUNS[1], tmp_path / "runs" / RUNS[1])
    command(tmp_path, "--stop-after", "0.001s", "--seeds", "1")
    assert [folder.name for folder in (tmp_path / "page").iterdir()] == [RUNS[1]]
    assert not (tmp_path / "page.md").exists()  # there is nothing to hold it against
    assert f"stopped: --stop-after 0.001s before {RUNS[0]}" in capsys.readouterr().out


def test_no_run_begins_behind_the_deadline(tmp_path, no_training, capsys):
    command(tmp_path, "--stop-after", "0.001s")
    said = capsys.readouterr().out
    assert said.startswith("stopped: --stop-after 0.001s before qif-seed0; go on with")


def test_another_configuration_is_refused_before_anything_is_trained(
    kept, no_training, capsys
):
    shutil.rmtree(kept / "page/qif-seed0")
    options = ("--workdir", kept / "runs", "--out", kept / "page.json")
    line = refused(capsys, "small", *options, "--epochs", "3")
    assert "another config (epochs: there 2, here 3); choose another --out" in line
    assert not (kept / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs the name of a config first (known: cifar10_dvs_sim_vggsnn, "),
        (["cifar11"], "unknown study 'cifar11' (known: cifar10_dvs_sim_vggsnn, "),
        (["small", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["small", "--epochs", "0"], "--epochs must be at least 1, got 0"),
        (["small", "--stop-after", "soon"], "--stop-after must be a time above zero"),
        (["small", "--arms", "qif"], "unknown option --arms"),
        (
            ["small", "--dataset", "cifar10"],
            "study small is of data set digits, got --dataset cifar10; train on that",
        ),
        (
            ["cifar10_resnet19", "--window", "centred"],
            "arms qif and qif-centred (neuron qif, window centred) would be the same",
        ),
        (["cifar10_resnet19"], "no cifar10 under "),
    ],
)
def test_bad_options_and_missing_data_are_one_line(
    arguments, message, tmp_path, capsys
):
    where = ("--data-dir", "--workdir", "--out")
    paths = [w for flag in where for w in (flag, tmp_path / "none" / f"{flag}.json")]
    line = refused(capsys, *arguments, *(paths if arguments else ()))
    assert message in line
    assert not (tmp_path / "none").exists()


def test_runs_are_not_kept_where_they_are_trained(kept, no_training, capsys):
    before = {file: file.read_bytes() for file in kept.rglob("*.json*")}
    where = ("--workdir", kept / "page", "--out", kept / "page.json")
    assert "choose another --workdir or --out" in refused(capsys, "small", *where)
    assert before == {file: file.read_bytes() for file in kept.rglob("*.json*")}


@pytest.mark.parametrize(
    ("effect", "claimed", "verdict"),
    [
        (Effect(0.2, 0.1, 0.3), 0.0, "holds"),
        (Effect(0.2, 0.1, 0.3), 0.3, "holds"),
        (Effect(0.2, 0.1, 0.3), 0.31, "does not hold"),
        (Effect(0.1, -0.1, 0.3), 0.3, "cannot be said"),
        (Effect(-0.2, -0.3, -0.1), 0.0, "does not hold"),
        (Effect(0.2, -math.inf, math.inf), 0.0, "cannot be said"),
        (Effect(math.nan, -math.inf, math.inf), 0.5, "cannot be said"),
    ],
)
def test_verdicts(effect, claimed, verdict):
    assert effect.verdict(claimed) == verdict


def test_the_interval_by_hand():
    # Each deviation is 0.01 sqrt(2), so the error is that as well; t(0.975, 2) = 4.303.
    effect = verdicts.difference([0.90, 0.92], [0.80, 0.82])
    assert effect.mean == pytest.approx(0.1)
    assert effect.low == pytest.approx(0.1 - 4.3027 * 0.02**0.5 / 10, abs=1e-5)
    assert effect.high == pytest.approx(0.1 + 4.3027 * 0.02**0.5 / 10, abs=1e-5)
    single = verdicts.difference([0.9], [0.80, 0.82])
    assert (single.mean, single.low) == (pytest.approx(0.09), -math.inf)
    ratio = verdicts.log_ratio([2.0, 2.0], [1.0, 1.0])
    assert math.exp(ratio.low) == pytest.approx(2) == math.exp(ratio.high)
    assert math.isnan(verdicts.log_ratio([2.0, 2.0], [1.0, 0.0]).mean)


def test_epochs_until_a_level_by_hand():
    curve = (0.2, 0.4, 0.3, 0.8)
    for level, epochs in (
        (0.15, 0.5),
        (0.2, 1),
        (0.3, 1.5),
        (0.6, 3.6),
        (0.9, math.inf),
    ):
        assert verdicts.epochs_until(curve, level, 0.1) == pytest.approx(epochs)
    assert verdicts.level(0.4, 0.1) == pytest.approx(0.37)


def test_better_than_chance_by_hand():
    # 1.96 deviations of guesses among ten classes are 0.0588 of 100 examples.
    assert not verdicts.better_than_chance(0.158, 0.1, 100)
    assert verdicts.better_than_chance(0.159, 0.1, 100)
    assert verdicts.better_than_chance(0.106, 0.1, 10_000)


def judged(folder, qif, lif, **changes):
    """Verdicts on two seeds of made-up (accuracy, rate), by the claim."""
    config = dataclasses.replace(studies.load("small"), **changes)
    for (arm, seed), each in SMALL.configs(config, 2).items():
        accuracy, rate = qif if arm == "qif" else lif
        numbers = accuracy + 0.001 * seed, rate * 1.001**seed
        invented(folder / trainings.folder_name(arm, seed), each, *numbers)
    report = summarise(SMALL, config, 2, folder, "the command")
    found = claims(report)
    assert all(f"**{claim.verdict}**" in page(report, "f.png") for claim in found)
    return {claim.what: claim.verdict for claim in found}


def test_claims_both_ways(tmp_path):
    faster, accurate, energy, spikes = (
        "QIF converges faster than LIF",
        "QIF is at least as accurate as LIF",
        "QIF needs 1.82 times less energy than LIF",
        "QIF spikes 45.47 % less than LIF, on average over its data sets",
    )
    better = judged(tmp_path / "better", (0.9, 0.1), (0.8, 0.2))
    assert better == dict.fromkeys((faster, accurate, energy, spikes), "holds")
    worse = judged(tmp_path / "worse", (0.8, 0.2), (0.9, 0.1))
    assert worse == dict.fromkeys((faster, accurate, energy, spikes), "does not hold")
    # Less by a tenth, where the paper has less by half.
    less = judged(tmp_path / "less", (0.9, 0.18), (0.9, 0.2))
    assert less[energy] == less[spikes] == "does not hold"
    assert less[accurate] == less[faster] == "cannot be said"
    silent = judged(tmp_path / "silent", (0.1, 0.0), (0.9, 0.2))
    assert silent[energy] == silent[spikes] == "cannot be said"
    # One that has learnt nothing reaches no level, be it slowly or fast.
    assert silent[faster] == "cannot be said"


def test_what_differs_from_the_paper_is_found_in_the_configurations(tmp_path):
    def title_of(name, config, folder):
        study = STUDIES[name]
        for (arm, seed), each in study.configs(config, 1).items():
            invented(folder / trainings.folder_name(arm, seed), each, 0.5, 0.1)
        return summarise(study, config, 1, folder, "the command")

    small = "cifar10_resnet19_narrow"
    narrow = title_of(small, studies.load(small), tmp_path / "n")
    assert narrow.title == (
        "narrow resnet19 (width 1/16) on cifar10, 15 epochs: not the paper's set-up"
    )
    width = "model_options.width_multiplier"
    assert narrow.differences == {
        "clip_norm": (1.0, 0.0),
        "epochs": (15, 350),
        width: (0.0625, 1.0),
    }
    assert [arm.title for arm in narrow.arms.values()] == [
        "QIF, T = 2, rate 0.1 (the paper's)",
        "QIF, T = 1, rate 0.1 (the paper's)",
        "LIF, T = 2, rate 0.001 (the paper's)",
        "LIF, T = 2, rate 0.1",
        "QIF, T = 2, centred window, rate 0.1 (the paper's)",
    ]
    steps = "More time steps make QIF more accurate (used throughout)"
    assert {claim.verdict for claim in claims(narrow)} == {"cannot be said"}
    whats = [claim.what for claim in claims(narrow)]
    window = "QIF is more accurate with the analytic than with the centred window"
    assert whats.count(steps) == 1 == sum(what.startswith(window) for what in whats)

    full = "cifar10_resnet19"
    assert studies.load(full) == configs.load(full)
    whole = title_of(full, studies.load(full), tmp_path / "w")
    assert whole.title == "resnet19 on cifar10, 350 epochs: the paper's set-up"
    assert whole.differences == {}
    assert "only ratios and directions" not in page(whole, "f.png")

    name = "cifar10_dvs_sim_vggsnn"
    events = title_of(name, studies.load(name), tmp_path / "e")
    assert events.title == (
        "narrow vggsnn (width 1/16) on 5,000 examples of cifar10_dvs_sim (simulated "
        "events), 15 epochs: not the paper's set-up"
    )
    assert events.differences["dataset"] == ("cifar10_dvs_sim", "cifar10_dvs")
    assert events.config.model_options["dropout"] == 0.6
    assert [arm.title for arm in events.arms.values()] == [
        "QIF, rate 0.001 (the paper's)",
        "LIF, rate 0.001 (the paper's)",
        "LIF, rate 0.005",
    ]
