"""The commands on libraries: made, added to, checked, listed, fetched."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from otmf_core.cli import options as cli_options
from otmf_core.cli import tables as cli_tables
from otmf_core.cli.commands import add_command
from otmf_core.cli.exit_codes import DONE, TROUBLE
from otmf_core.cli.list import list_installed
from otmf_core.errors import InputError
from otmf_core.library.known_tasks import BACKBONES, SUITES
from otmf_core.library.known_texts import TEXT_BACKBONES
from otmf_core.library.library import open_library
from otmf_core.library.making.splits import Sizes


def add_options(parser: ArgumentParser) -> None:
    """The subcommands of `otmf library`."""
    commands = parser.add_subparsers(required=True, metavar="ACTION")

    def command(name: str, run: Callable[[Namespace], int], text: str) -> ArgumentParser:
        added = add_command(commands, name, text)
        added.set_defaults(command=run)
        return added

    new = command("new", _new, "make a library of a pre-trained CLIP or T5, without tasks yet")
    new.add_argument("folder", type=cli_options.path, metavar="FOLDER", help="the library's folder, new or empty")
    new.add_argument(
        "--backbone",
        type=cli_options.path,
        required=True,
        metavar="PATH",
        help="the pre-trained model: a file or folder of open_clip, transformers or torch",
    )
    new.add_argument("--name", default="", help="what pages call the library (default: the folder's name)")
    _add_activation(new)
    new.add_argument("--base-model", metavar="ORG/NAME", help="the hub's name of the pre-trained model")

    add = command("add", _add, "add a task: its fine-tuned model, its pictures and head, or its texts")
    add.add_argument("folder", type=cli_options.path, metavar="FOLDER", help="the library's folder")
    add.add_argument(
        "--task",
        required=True,
        metavar="NAME",
        help="the task's name; one of the field's brings its classes, or its prompt and answers",
    )
    add.add_argument(
        "--checkpoint",
        type=cli_options.path,
        required=True,
        metavar="PATH",
        help="the fine-tuned model, or a LoRA adapter's folder",
    )
    add.add_argument(
        "--data",
        type=cli_options.path,
        required=True,
        metavar="PATH",
        help="its data set: folders of classes, Parquet tables, tars, arrays, or one that torchvision keeps; of texts "
        "Parquet, JSON lines, CSV or TSV",
    )
    add.add_argument("--config", metavar="NAME", help="the configuration of a data set that has several")
    add.add_argument(
        "--head",
        type=cli_options.path,
        metavar="PATH",
        help="its head (default: made by the text tower)",
    )
    add.add_argument(
        "--classes", type=_texts, default=(), metavar="A,B,…|FILE", help="class names, or answers, by label"
    )
    add.add_argument("--templates", type=_texts, default=(), metavar="A,B,…|FILE", help="templates with a {} each")
    add.add_argument("--prompt", default="", metavar="TEXT", help="of texts: what is asked, columns in braces: {text}")
    add.add_argument(
        "--metric", choices=("accuracy", "spearman"), help="of texts: how answers are compared (default: accuracy)"
    )
    add.add_argument("--licence", default="", help="the licence of its data, which the model card names")
    add.add_argument("--source", metavar="ORG/NAME", help="the hub's name of the fine-tuned model")
    add.add_argument(
        "--copy",
        action="store_true",
        help="put the task vector and all pictures into the library (default: refer to files where they lie)",
    )
    _add_splits(add)

    check = command("check", _check, "check a library's files, norms, cosines and accuracies; exit code 1 on trouble")
    check.add_argument("folder", type=str, metavar="LIBRARY", help="an installed library, or a library's folder")
    check.add_argument("--images", type=_count, default=200, metavar="N", help="test images a task (default: 200)")

    listing = command("list", list_installed, "list the libraries that came with the project")

    pull = command("pull", _pull, "fetch a public suite from the Hugging Face hub and make a library of it")
    pull.add_argument("folder", type=cli_options.path, metavar="FOLDER", help="the library's folder, new or begun")
    backbones = (*BACKBONES, *TEXT_BACKBONES)
    pull.add_argument("--backbone", choices=backbones, default="ViT-B-32", help="(default: ViT-B-32)")
    pull.add_argument("--lora", action="store_true", help="of Flan-T5: adapters of rank 16 in place of whole models")
    pull.add_argument("--suite", type=int, choices=SUITES, default=8, help="of that many tasks (default: 8)")
    pull.add_argument("--yes", action="store_true", help="fetch without asking, once sizes are known")
    _add_splits(pull)
    for each in (new, add, check, listing, pull):
        cli_options.add_json(each)


def _add_activation(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--activation",
        choices=("quick_gelu", "gelu"),
        help="of its MLPs, where nothing beside the weights tells it; OpenAI's CLIP and its kin have quick_gelu",
    )


def _add_splits(parser: ArgumentParser) -> None:
    default = Sizes()
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draw of splits (default: 0)")
    for name, text in (
        ("calibration", "unlabelled training images"),
        ("labelled", "images that heads may be tuned on"),
    ):
        value = getattr(default, name)
        parser.add_argument(f"--{name}", type=_count, default=value, metavar="N", help=f"{text} (default: {value})")
    parser.add_argument("--test", type=_count, default=0, metavar="N", help="test images at most (default: all)")
    parser.add_argument(
        "--transductive",
        action="store_true",
        help="draw calibration images from the test split, which every result then says (default: from train)",
    )


def _new(options: Namespace) -> int:
    with _Progress() as report:
        from otmf_core.library.making.new import new_library

        library = new_library(
            options.folder,
            options.backbone,
            name=options.name,
            activation=options.activation,
            base_model=options.base_model,
            report=report,
        )
    shapes = {"id": library.id, "name": library.name, "folder": str(library.root), "tensors": len(library.tower_header)}
    return _told(options, shapes, f"{library.name} is made in {library.root}: add tasks with library add")


def _add(options: Namespace) -> int:
    with _Progress() as report:
        from otmf_core.library.making.add import NewTask, add_task

        added = add_task(
            options.folder,
            NewTask(
                name=options.task,
                checkpoint=options.checkpoint,
                data=options.data,
                config=options.config,
                head=options.head,
                classes=options.classes,
                templates=options.templates,
                prompt=options.prompt,
                metric=options.metric,
                licence=options.licence,
                source=options.source,
                copy=options.copy,
                transductive=options.transductive,
                sizes=_sizes(options),
                seed=options.seed,
            ),
            report,
        )
    for note in added.notes:
        print(f"warning: {note}", file=sys.stderr)
    images = ", ".join(f"{count:,} {split}" for split, count in added.images.items())
    norm = f"‖Δ‖ / ‖θ⁰‖ {added.relative_norm:.2%}"
    return _told(options, asdict(added), f"{added.task} is added: {added.family}, {added.precision}, {norm}; {images}")


def _check(options: Namespace) -> int:
    library = open_library(options.folder)
    with _Progress() as report:
        from otmf_core.library.making.check import check_library

        checked = check_library(library, options.images, report)
    if options.json:
        print(json.dumps({**asdict(checked), "sound": checked.sound}, allow_nan=False))
    else:
        cli_tables.print_rows(f"{library.name}, {checked.architecture}", cli_tables.check_rows(checked, library.noun))
        for task in checked.tasks:
            for sentence in task.trouble:
                print(f"trouble: {task.task}: {sentence}", file=sys.stderr)
        for sentence in checked.concerns:
            print(f"warning: {sentence}", file=sys.stderr)
    return DONE if checked.sound else TROUBLE


def _pull(options: Namespace) -> int:
    from otmf_core.library.making.pull import Suite, plan, pull

    suite = Suite(options.backbone, options.suite, _sizes(options), options.seed, options.transductive, options.lora)
    with _Progress() as report:
        planned = plan(options.folder, suite, report)
    print(planned.sentence, file=sys.stderr)
    if not options.yes and planned.missing_bytes and not _agreed():
        raise InputError("nothing was fetched: answer y, or give --yes")
    with _Progress() as report:
        library = pull(options.folder, suite, report)
    tasks = [task.id for task in library.tasks]
    return _told(
        options,
        {"id": library.id, "folder": str(library.root), "tasks": tasks},
        f"{library.name} has {len(tasks)} tasks in {library.root}",
    )


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    print("Fetch them? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _told(options: Namespace, values: dict, sentence: str) -> int:
    print(json.dumps(values, allow_nan=False) if options.json else sentence)
    return DONE


def _sizes(options: Namespace) -> Sizes:
    if options.calibration < 2:
        raise InputError(f"a task has at least 2 calibration images, received {options.calibration}")
    return Sizes(options.calibration, options.labelled, options.test)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 2_000_000:
        raise ArgumentTypeError(f"a number of images is 0 to 2,000,000, received {text!r}")
    return int(text)


def _texts(text: str) -> tuple[str, ...]:
    """The lines of a file that are not empty, or texts parted by commas, of which empty ones keep their places."""
    file = Path(text)
    try:
        if file.is_file():
            return tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, ValueError) as error:
        raise ArgumentTypeError(f"a file of names is UTF-8 text, a name on a line: {text!r} ({error})") from None
    return tuple(part.strip() for part in text.split(","))


class _Progress:
    """What is being done, on stderr: a bar on a terminal, a line for every piece of work elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._row = self._bar.add_task("", total=1.0)
        self._said = ""

    def __enter__(self) -> Callable[[str, float], None]:
        self._bar.start()
        return self._report

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _report(self, text: str, done: float) -> None:
        self._bar.update(self._row, description=text, completed=done)
        work = text.partition(",")[0]
        if work != self._said and not sys.stderr.isatty():
            self._said = work
            self._console.print(work, markup=False)
