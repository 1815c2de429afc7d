"""The command line: the facts, a user's own breach export, and how to cite a figure."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twinprivacy import __version__
from twinprivacy.errors import DataError, FigureError, TwinPrivacyError

if TYPE_CHECKING:
    import pandas as pd

# What a user can put right: shown in one line, without a traceback.
_USER_ERROR = 2
REFERENCE_FORMATS = ("bibtex", "text", "ris", "csl")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process if not given.

    Returns
    -------
    int
        0 for success, 2 for an error that the user can put right.

    Examples
    --------
    >>> main(["data", "show", "no-such-file"])
    2
    """
    arguments = _build_parser().parse_args(argv)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as head, has seen enough; nothing more may be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except TwinPrivacyError as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    print(f"twinprivacy: {' '.join(message.split())}", file=sys.stderr)
    return _USER_ERROR


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twinprivacy",
        description="How much more a digital twin gives away, the more it is fed.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    groups = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_data_commands(groups)
    _add_figures_commands(groups)
    return parser


def _add_data_commands(
    groups: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    data = groups.add_parser("data", help="published facts, and your own breach export")
    commands = data.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], None], text: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("list", _list, "List the data files.")
    show = add("show", _show, "Show what a data file holds and where it comes from.")
    show.add_argument("name", metavar="NAME")
    check = add("check", _check, "Check the data files against their descriptor.")
    check.add_argument(
        "--rehash",
        action="store_true",
        help="first write the hashes of added or corrected files into the descriptor",
    )
    breaches = add(
        "breaches", _breaches, "Print the yearly table of HHS breach portal exports."
    )
    breaches.add_argument("files", nargs="+", metavar="FILE")
    breaches.add_argument(
        "--as-of",
        nargs="+",
        metavar="DAY",
        help="day of each download, in the order of the files, such as 2024-10-08",
    )


def _add_figures_commands(
    groups: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    figures = groups.add_parser("figures", help="published figures and references")
    commands = figures.add_subparsers(required=True, metavar="COMMAND")
    text = "List the figures that the chapters have published."
    listing = commands.add_parser("list", help=text, description=text)
    listing.set_defaults(run=_list_figures)
    text = "Print a reference to a figure."
    cite = commands.add_parser("cite", help=text, description=text)
    cite.add_argument("figure_id", metavar="ID")
    cite.add_argument("--format", choices=REFERENCE_FORMATS, default="bibtex")
    cite.set_defaults(run=_cite_figure)


def _list_figures(arguments: argparse.Namespace) -> None:
    from twinprivacy.figures import figure_ids, figures_folder, load_manifest

    ids = figure_ids()
    if not ids:
        raise FigureError(f"no figures in {figures_folder()}: run `make chapters`")
    width = max(map(len, ids))
    for figure_id in ids:
        print(f"{figure_id:<{width}}  {load_manifest(figure_id)['title']}")


def _cite_figure(arguments: argparse.Namespace) -> None:
    from twinprivacy.figures import citation, load_manifest

    write = {
        "text": citation.text_reference,
        "bibtex": citation.bibtex,
        "ris": citation.ris,
        "csl": citation.csl_json,
    }[arguments.format]
    print(write(load_manifest(arguments.figure_id)).rstrip("\r\n"))


def _list(arguments: argparse.Namespace) -> None:
    from twinprivacy import datasets

    names = datasets.names()
    width = max(map(len, names))
    for name in names:
        print(f"{name:<{width}}  {datasets.describe(name).title}")


def _show(arguments: argparse.Namespace) -> None:
    from twinprivacy import datasets

    print(datasets.describe(arguments.name))
    print(f"{len(datasets.load(arguments.name)):,} rows")


def _check(arguments: argparse.Namespace) -> None:
    from twinprivacy import datasets

    for name in datasets.rehash() if arguments.rehash else []:
        print(f"{name}: hash written")
    problems = datasets.check()
    if problems:
        raise DataError("; ".join(problems))
    print(f"{len(datasets.names())} data files, all as registered")


def _breaches(arguments: argparse.Namespace) -> None:
    from twinprivacy import datasets

    reports = datasets.read_ocr_export(*arguments.files, as_of=arguments.as_of)
    if reports.empty:
        raise DataError(f"no breach reports in {', '.join(arguments.files)}")
    from twinprivacy.breaches.records import annual_table

    years = annual_table(reports)
    every_year = annual_table(reports.assign(year=0))
    print(_yearly_lines(years, every_year))
    print("\nWhat became of each record")
    print(_account_lines(datasets.summarise_account(reports)))


def _yearly_lines(years: "pd.DataFrame", every_year: "pd.DataFrame") -> str:
    header = {
        "year": "year",
        "n_breaches": "breaches",
        "n_individuals": "individuals",
        "median_individuals": "median",
        "p90_individuals": "90th percentile",
        "n_at_least_1m": "of a million or more",
        "share_of_largest_1pct": "held by largest 1 %",
    }
    rows = [*_records(years), _records(every_year)[0] | {"year": "total"}]
    cells = [[_format(row.get(column), column) for column in header] for row in rows]
    return _align([list(header.values()), *cells])


def _records(table: "pd.DataFrame") -> list[dict[str, object]]:
    if "year" not in table:
        table = table.rename_axis("year").reset_index()
    return [
        {str(name): value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _format(value: object, column: str) -> str:
    import pandas as pd

    if isinstance(value, str):
        return value
    if value is None or bool(pd.isna(value)):  # type: ignore[call-overload]
        return "-"
    number = float(value)  # type: ignore[arg-type]
    if column.startswith("share_"):
        return f"{number:.1%}"
    return f"{number:.0f}" if column == "year" else f"{number:,.0f}"


def _account_lines(account: "pd.DataFrame") -> str:
    actions = zip(account["action"], account["reason"], strict=True)
    what = [f"{action}: {reason}" if reason else action for action, reason in actions]
    labels = account["file"] + " (" + account["as_of"] + ")"
    lines: list[str] = []
    for label in labels.unique():
        lines.append(label)
        counts = account["n_rows"][labels == label]
        lines += [f"  {n_rows:>9,}  {what[at]}" for at, n_rows in counts.items()]
    return "\n".join(lines)


def _align(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
