"""Command lines: what is wrong is said in one line, and the exit code is 2."""

import gc

import jax
import pytest

from experiments import cli, compare, energy, prepare, train
from experiments.sweep import __main__ as sweep


def refused(capsys, main, *arguments):
    """The one line that a command prints when it refuses its arguments."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    captured = capsys.readouterr()
    assert stop.value.code == 2
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    return line


CONFIG = "digits_lenet5"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((), ["needs the name of a config first", "digits_lenet5"]),
        (("digits",), ["unknown config 'digits'", "known: ", "digits_lenet5"]),
        (
            (CONFIG, "--epocs", "3"),
            ["unknown option --epocs", "did you mean --epochs?"],
        ),
        ((CONFIG, "--epochs"), ["Missing value for argument '--epochs'"]),
        ((CONFIG, "--epochs", "x"), ["Error parsing --epochs", "'x'"]),
        ((CONFIG, "--epochs", "-1"), ["--epochs must be at least 0, got -1"]),
        ((CONFIG, "--neuron", "izh"), ["'izh'", "'qif', 'lif', 'euler_qif'"]),
        ((CONFIG, "--qif.a", "-1"), ["QIFParams needs a > 0, got a=-1"]),
        ((CONFIG, "--model-options", "pol", "1"), ["unknown option of lenet5 'pol'"]),
        ((CONFIG, "stray"), ["unexpected argument 'stray'"]),
        ((CONFIG, "--parallel", "mesh", "--devices", "9"), ["but there are 2"]),
        ((CONFIG, "--parallel", "mesh", "--devices", "0"), ["0 devices asked for"]),
        ((CONFIG, "--resize", "4"), ["digits: LeNet5 needs images of at least 12"]),
        ((CONFIG, "--augment", "cifar100"), ["cifar100 does not fit digits: autoaug"]),
        ((CONFIG, "--epochs", "1", "--accumulate", "99"), ["more than the 22 steps"]),
        ((CONFIG, "--parallel", "pmap", "--batch-size", "7"), ["multiple of 2"]),
        ((CONFIG, "--processes", "2"), ["--processes needs --parallel mesh"]),
        (
            (CONFIG, "--processes", "2", "--parallel", "mesh"),
            ["needs --process-index and --coordinator"],
        ),
        ((CONFIG, "--batch-size", "5000"), ["5000 is larger than the training set"]),
    ],
    ids=str,
)
def test_train_refuses(capsys, tmp_path, arguments, parts):
    folder = ("--workdir", str(tmp_path / "run")) if arguments else ()
    line = refused(capsys, train.main, *arguments, *folder)
    for part in parts:
        assert part in line
    assert list(tmp_path.iterdir()) == []


def test_missing_data_says_how_to_get_it(capsys, tmp_path):
    where = ("--data-dir", str(tmp_path / "data"), "--workdir", str(tmp_path / "run"))
    line = refused(capsys, train.main, "fashion_mnist_lenet5", *where)
    assert "python -m experiments.prepare fashion_mnist --data-dir" in line
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("kept")
    line = refused(capsys, train.main, CONFIG, "--workdir", str(tmp_path / "file/run"))
    assert "Not a directory" in line
    assert (tmp_path / "file").read_text() == "kept"


def test_nothing_to_resume(capsys, tmp_path):
    arguments = (CONFIG, "--resume", "--workdir", str(tmp_path / "run"))
    assert "nothing to resume" in refused(capsys, train.main, *arguments)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((CONFIG, "--seeds", "0"), "--seeds must be at least 1, got 0"),
        ((CONFIG, "--neurons", "qif", "qif"), "each model once, got 'qif qif'"),
        ((CONFIG, "--neurons", "izh"), "'izh'"),
    ],
    ids=str,
)
def test_compare_refuses(capsys, arguments, part):
    assert part in refused(capsys, compare.main, *arguments)


def test_prepare_refuses(capsys, tmp_path):
    assert "fashion_mnist" in refused(capsys, prepare.main)
    assert "'mnist'" in refused(capsys, prepare.main, "mnist")
    where = ("--data-dir", str(tmp_path), "--source", str(tmp_path / "nowhere"))
    line = refused(capsys, prepare.main, "fashion_mnist", *where)
    assert "--source FOLDER" in line


@pytest.mark.parametrize(
    ("main", "arguments", "option"),
    [
        (train.main, (), "--epochs"),
        (train.main, (CONFIG,), "--resume-step"),
        (compare.main, (CONFIG,), "--seeds"),
        (prepare.main, (), "--source"),
    ],
)
def test_help_explains_the_options(capsys, main, arguments, option):
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--help"])
    assert stop.value.code == 0
    assert option in capsys.readouterr().out


def test_options_of_the_network_are_added_to_those_of_the_configuration():
    def parsed(config, *words):
        arguments = [config, "--model-options", *words]
        options = cli.parse_with_config(train.Train, arguments, "train")
        return options.config.model_options

    assert parsed("dvs128_gesture", "head", "plain") == {
        "dropout": 0.75,
        "head": "plain",
    }
    assert parsed("dvs128_gesture", "dropout", "0.5") == {"dropout": 0.5}
    words = ("learned", "true", "padding", "0", "width_multiplier", "0.5")
    expected = {"learned": True, "padding": 0, "width_multiplier": 0.5}
    assert parsed(CONFIG, *words) == expected
    assert isinstance(parsed(CONFIG, *words)["padding"], int)


def test_an_option_of_the_network_needs_a_value(capsys):
    line = refused(capsys, train.main, CONFIG, "--model-options", "fc_norm")
    assert "fc_norm has no value: give names and values in turn" in line


def test_a_command_is_one_that_a_shell_takes(monkeypatch):
    given = ["--title", "Each at its own rate", "--out", "a.json"]
    expected = "python -m experiments.x --title 'Each at its own rate' --out a.json"
    assert cli.command("python -m experiments.x", given) == expected
    monkeypatch.setattr("sys.argv", ["x.py", *given])
    assert cli.command("python -m experiments.x", None) == expected


def test_options_are_left_out_with_their_values():
    given = ["name", "--a", "1", "--b=2", "--c", "3", "--d"]
    assert cli.without(given, {"--a": 1, "--b": 1, "--d": 0}) == ["name", "--c", "3"]
    assert cli.without(["--a"], {"--a": 1}) == []


@pytest.mark.parametrize("given", [None, "elsewhere"])
def test_programs_are_kept_where_jax_was_told_or_here(given, tmp_path, monkeypatch):
    setting = "jax_compilation_cache_dir"
    before, collections = getattr(jax.config, setting), gc.get_threshold()
    monkeypatch.setenv(setting.upper(), "")
    monkeypatch.chdir(tmp_path)
    try:
        jax.config.update(setting, given)
        gc.set_threshold(700)
        cli.start_quickly()
        found = getattr(jax.config, setting)
        assert gc.get_threshold()[0] > 700
    finally:
        jax.config.update(setting, before)
        gc.set_threshold(*collections)
    assert found == (given or str(tmp_path / ".jax_cache"))


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (energy.main, ("--out", "a.md"), "--out must end in .json, got a.md"),
        (compare.main, (CONFIG, "--report", "a.json"), "--report must end in .md"),
        (sweep.main, (CONFIG, "--out", "a.png"), "--out must end in .json, got a.png"),
    ],
)
def test_an_output_of_another_kind_would_be_overwritten(
    capsys, main, arguments, message
):
    assert message in refused(capsys, main, *arguments)
