"""Parsing of command lines, and errors that are one line and exit code 2."""

import contextlib
import dataclasses
import difflib
import gc
import io
import logging
import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import jax
import tyro

from experiments import config as config_module
from experiments.config import Config, ConfigError
from experiments.run_folder import RunError
from qifjax import parallel
from qifjax.checkpoint import CheckpointError
from qifjax.data import DataError
from qifjax.surrogate import Scalar

T = TypeVar("T")

# So many new objects, instead of hundreds, before Python looks for garbage among them.
_NEW_OBJECTS = 50_000


class Named(Protocol):
    """Configurations by name, such as the module :mod:`experiments.config`."""

    def names(self) -> tuple[str, ...]:
        """The names there are."""
        ...

    def load(self, name: str) -> Config:
        """The configuration of a name; raises ConfigError where there is none."""
        ...


def fail(message: str) -> NoReturn:
    """Prints one line to standard error and exits with code 2."""
    line = " ".join(message.split())
    print(f"error: {line}", file=sys.stderr)
    raise SystemExit(2)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turns the errors that a user can mend into one line and exit code 2."""
    warnings.showwarning = _show_warning
    # Where Orbax fails, it raises, which is reported here, and writes tracebacks too.
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    show, sys.unraisablehook = sys.unraisablehook, _show_unraisable
    try:
        yield
    except (ConfigError, DataError, CheckpointError, RunError) as error:
        fail(str(error))
    except OSError as error:
        # A full disk or a folder that cannot be written is not a fault of the program.
        place = f" ({error.filename})" if error.filename else ""
        fail(f"{error.strerror or error}{place}")
    finally:
        sys.unraisablehook = show


def layout(mode: parallel.Mode, count: int | None) -> parallel.Layout:
    """The devices that ``--parallel`` and ``--devices`` ask for."""
    try:
        return parallel.layout(mode, count)
    except ValueError as error:
        raise ConfigError(f"--parallel {mode}: {error}") from error


def start_quickly() -> None:
    """Keeps compiled programs in ``.jax_cache``, from where the next start loads them.

    If JAX has been given another folder (JAX_COMPILATION_CACHE_DIR), it is that one.
    Python looks for garbage less often, by which deep networks are traced faster.
    """
    setting = "jax_compilation_cache_dir"
    if getattr(jax.config, setting) is None:
        folder = str(Path(".jax_cache").resolve())
        jax.config.update(setting, folder)
        # For processes that this one starts.
        os.environ[setting.upper()] = folder
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


def parse(command: type[T], argv: Sequence[str] | None, program: str) -> T:
    """Parses options into a dataclass.

    Args:
      command: the dataclass; its docstring is the help text.
      argv: arguments; None takes those of the process.
      program: how the command is called, for the help text.

    Returns:
      An instance of ``command``.
    """
    return _parse(command, command(), arguments(argv), program)


def parse_with_config(
    command: type[T],
    argv: Sequence[str] | None,
    program: str,
    known: Named = config_module,
) -> T:
    """Parses ``CONFIG [options]``, where CONFIG names the experiment to start from.

    Args:
      command: a dataclass with a field ``config`` of type :class:`Config`.
      argv: arguments; None takes those of the process.
      program: how the command is called, for the help text.
      known: the experiments to start from.

    Returns:
      An instance of ``command`` whose configuration has been checked.
    """
    given = arguments(argv)
    if not given or given[0].startswith("-"):
        if not {"-h", "--help"} & set(given):
            listed = ", ".join(known.names())
            fail(f"{program} needs the name of a config first (known: {listed})")
        default = command(config=Config())  # type: ignore[call-arg]
        return _parse(command, default, given, f"{program} CONFIG")
    name, *rest = given
    default = command(config=known.load(name))  # type: ignore[call-arg]
    parsed: Any = _parse(command, default, rest, f"{program} {name}")
    # Options of the network are added to the configuration's, and win over them.
    options = {**default.config.model_options, **parsed.config.model_options}  # type: ignore[attr-defined]
    config = dataclasses.replace(parsed.config, model_options=options)
    parsed = dataclasses.replace(parsed, config=config)
    parsed.config.check()
    checked: T = parsed
    return checked


def _parse(command: type[T], default: T, arguments: list[str], program: str) -> T:
    captured = io.StringIO()
    streams = contextlib.ExitStack()
    streams.enter_context(contextlib.redirect_stdout(captured))
    streams.enter_context(contextlib.redirect_stderr(captured))
    try:
        with streams:
            parsed, unknown = tyro.cli(
                command,
                default=default,
                args=arguments,
                prog=program,
                return_unknown_args=True,
                registry=_registry(),
            )
    except SystemExit as stop:
        if stop.code == 0:
            print(captured.getvalue(), end="")
            raise
        fail(_message(captured.getvalue()))
    if unknown:
        if not unknown[0].startswith("-"):
            fail(f"unexpected argument {unknown[0]!r}: options begin with --")
        known = _flags(command)
        close = difflib.get_close_matches(unknown[0], known, 1)
        hint = f", did you mean {close[0]}?" if close else ""
        fail(f"unknown option {unknown[0]}{hint} (known: {' '.join(known)})")
    _check_endings(default, parsed)
    return parsed


def _check_endings(default: Any, parsed: Any) -> None:
    """Refuses an output file whose ending says that it is another kind of file.

    Figures and pages go beside the numbers, under the same name with another ending;
    an output with that ending would be overwritten by them.
    """
    for entry in dataclasses.fields(parsed):
        if entry.name not in ("out", "report"):
            continue
        usual, given = getattr(default, entry.name), getattr(parsed, entry.name)
        ending = usual.suffix if usual else entry.metadata.get("ending")
        if ending in (".json", ".md") and given and given.suffix != ending:
            fail(f"--{entry.name} must end in {ending}, got {given}")


def arguments(argv: Sequence[str] | None) -> list[str]:
    """The given arguments; None takes those of the process."""
    return list(sys.argv[1:] if argv is None else argv)


def command(program: str, argv: Sequence[str] | None) -> str:
    """The command of a run as a shell takes it, for reports and their readers.

    Args:
      program: how the program is called, such as ``python -m experiments.train``.
      argv: its arguments; None takes those of the process.
    """
    return shlex.join([*program.split(), *arguments(argv)])


def without(given: Sequence[str], options: Mapping[str, int]) -> list[str]:
    """Arguments without some options.

    Args:
      given: the arguments.
      options: how many values follow each option that is left out.
    """
    left = iter(given)
    kept = []
    for argument in left:
        name, equals, _ = argument.partition("=")
        if name not in options:
            kept.append(argument)
        elif not equals:
            for _ in range(options[name]):
                next(left, None)
    return kept


def _flags(command: Any) -> list[str]:
    """The options of a command and of its config, as typed."""
    names = []
    for entry in dataclasses.fields(command):
        if entry.name != "config":
            names.append(entry.name)
            continue
        for setting in dataclasses.fields(Config):
            parts = getattr(getattr(Config(), setting.name), "_fields", None)
            names += [f"{setting.name}.{p}" for p in parts] if parts else [setting.name]
    return ["--" + name.replace("_", "-") for name in names]


def _registry() -> tyro.constructors.ConstructorRegistry:
    """How values are typed that tyro would take otherwise.

    Neuron parameters, which may be arrays, are numbers; options of a network are names
    and values in turn, whatever the configuration has.
    """
    registry = tyro.constructors.ConstructorRegistry()

    @registry.primitive_rule
    def _(info: tyro.constructors.PrimitiveTypeInfo):
        if info.type != dict[str, bool | int | float | str]:
            return None
        return tyro.constructors.PrimitiveConstructorSpec(
            nargs="*",
            metavar="[NAME VALUE ...]",
            instance_from_str=_options,
            is_instance=lambda value: isinstance(value, dict),
            str_from_instance=lambda options: [
                str(word) for pair in options.items() for word in pair
            ],
        )

    @registry.primitive_rule
    def _(info: tyro.constructors.PrimitiveTypeInfo):
        if info.type != Scalar:
            return None
        return tyro.constructors.PrimitiveConstructorSpec(
            nargs=1,
            metavar="FLOAT",
            instance_from_str=lambda words: float(words[0]),
            is_instance=lambda value: isinstance(value, int | float),
            str_from_instance=lambda value: [str(value)],
        )

    return registry


def _options(words: list[str]) -> dict[str, bool | int | float | str]:
    """Names and values in turn; a value is a truth value, a number or a word."""
    if len(words) % 2:
        raise ValueError(f"{words[-1]} has no value: give names and values in turn")
    return {
        name: _value(value) for name, value in zip(words[::2], words[1::2], strict=True)
    }


def _value(word: str) -> bool | int | float | str:
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    for number in (int, float):
        with contextlib.suppress(ValueError):
            return number(word)
    return word


def _message(text: str) -> str:
    """The sentence in tyro's error text: title, rule, sentence, rule, help text."""
    sections = re.split(r"^[ -]*-{9,}[ -]*$", text, flags=re.MULTILINE)
    message = sections[1] if len(sections) > 1 else text
    return " ".join(message.split()) or "the arguments cannot be parsed"


def _show_unraisable(unraisable):
    # What TensorStore says for each file after the first that Orbax cannot write.
    if str(unraisable.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(unraisable)


def _show_warning(message, category, *_, **__):
    del category
    print(f"warning: {message}", file=sys.stderr)
