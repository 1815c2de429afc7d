import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from twinprivacy import __version__, datasets
from twinprivacy.cli import main
from twinprivacy.datasets import facts

HEADER = (
    "Name of Covered Entity,State,Covered Entity Type,Individuals Affected,"
    "Breach Submission Date,Type of Breach"
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Five reports of two years, one of them twice, one with a placeholder."""
    lines = [
        HEADER,
        "Alder Clinic,NY,Health Plan,500,01/31/2023,Loss",
        'Birch Clinic,NY,Health Plan,"1,500",02/28/2023,Theft',
        "Cedar Clinic,NY,Health Plan,2000000,03/31/2024,Theft",
        "Cedar Clinic,NY,Health Plan,2000000,03/31/2024,Theft",
        "Dogwood Clinic,NY,Health Plan,1000,04/30/2024,Theft",
    ]
    path = tmp_path / "breach_report_2024-05-01.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize("argv", [[], ["data"], ["data", "show"], ["data", "breaches"]])
def test_an_incomplete_command_shows_its_usage(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: twinprivacy")


def test_list_names_every_data_file_with_its_title(capsys):
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == datasets.names()


def test_show_prints_description_and_size(capsys):
    assert main(["data", "show", "ocr_binned_sizes"]) == 0
    out = capsys.readouterr().out
    assert out == f"{datasets.describe('ocr_binned_sizes')}\n2,347 rows\n"


def test_an_error_is_one_line_without_a_traceback(capsys):
    assert main(["data", "show", "nothing"]) == 2
    captured = capsys.readouterr()
    allowed = ", ".join(repr(name) for name in datasets.names())
    assert captured.out == ""
    assert captured.err == (
        f"twinprivacy: name must be one of {allowed}; got 'nothing'\n"
    )


def test_check_passes_on_the_shipped_facts(capsys):
    assert main(["data", "check"]) == 0
    n_files = len(datasets.names())
    assert capsys.readouterr().out == f"{n_files} data files, all as registered\n"


def test_check_fails_on_a_changed_file_until_it_is_rehashed(
    tmp_path, monkeypatch, capsys
):
    folder = Path(shutil.copytree(datasets.data_folder(), tmp_path / "data"))
    monkeypatch.setattr(facts, "data_folder", lambda: folder)
    file = folder / "governance.csv"
    registered = datasets.describe("governance").sha256
    file.write_bytes(file.read_bytes().replace(b"72 h", b"73 h", 1))
    assert main(["data", "check"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(
        "twinprivacy: governance.csv is not the file that datapackage.json describes: "
        f"expected sha256:{registered}, got sha256:"
    )
    assert err.count("\n") == 1
    assert main(["data", "check", "--rehash"]) == 0
    assert capsys.readouterr().out.startswith("governance: hash written\n")
    assert main(["data", "check"]) == 0


def test_breaches_prints_the_table_and_the_account(export, capsys):
    assert main(["data", "breaches", str(export)]) == 0
    table, account = capsys.readouterr().out.split("\n\n")
    rows = [line.split() for line in table.splitlines()[1:]]
    assert [row[:4] for row in rows] == [
        ["2023", "2", "2,000", "1,000"],  # median of 500 and 1,500
        ["2024", "2", "2,001,000", "1,000,500"],
        ["total", "4", "2,003,000", "1,250"],  # between 1,000 and 1,500
    ]
    assert account.splitlines() == [
        "What became of each record",
        "breach_report_2024-05-01.csv (2024-05-01)",
        "          5  read",
        "          1  dropped: exact duplicate",
        "          1  changed: count reformatted",
        "          3  kept as read",
        "          1  noted: placeholder count of 500 or 501",
    ]


def test_breaches_takes_the_days_of_the_downloads(export, tmp_path, capsys):
    newer = tmp_path / "newer.csv"
    record = "Alder Clinic,NY,Health Plan,9000,01/31/2023,Loss"
    newer.write_text(f"{HEADER}\n{record}\n", encoding="utf-8")
    files = [str(newer), str(export)]
    days = ["--as-of", "2025-01-01", "2024-05-01"]
    assert main(["data", "breaches", *files, *days]) == 0
    first_year = capsys.readouterr().out.splitlines()[1].split()
    assert first_year[:3] == ["2023", "2", "10,500"]


def test_breaches_on_the_real_export_gives_the_published_year(shared_data, capsys):
    path = shared_data / "hhs_breaches" / "breach_report_2023-05-01.csv.gz"
    assert main(["data", "breaches", str(path)]) == 0
    rows = {
        line.split()[0]: line.split()
        for line in capsys.readouterr().out.split("\n")[:17]
    }
    assert rows["2015"][1:3] == ["270", "112,466,720"]


def test_a_missing_file_is_one_line(capsys):
    assert main(["data", "breaches", "no-such-export.csv"]) == 2
    err = capsys.readouterr().err
    assert err == "twinprivacy: no-such-export.csv: No such file or directory\n"


def test_an_export_without_reports_is_one_line(tmp_path, capsys):
    path = tmp_path / "empty.csv"
    path.write_text(f"{HEADER}\n", encoding="utf-8")
    assert main(["data", "breaches", str(path)]) == 2
    assert capsys.readouterr().err == f"twinprivacy: no breach reports in {path}\n"


def test_the_module_runs_and_imports_nothing_heavy_for_its_help():
    code = (
        "import sys; from twinprivacy.cli import _build_parser; _build_parser(); "
        "print(sorted({'pandas', 'numpy', 'scipy', 'statsmodels'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    done = subprocess.run(
        [sys.executable, "-m", "twinprivacy.cli", "data", "show", "x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


ROOT = Path(__file__).parents[1]


def test_figures_are_listed_with_their_findings(capsys, monkeypatch):
    monkeypatch.setenv("TWINPRIVACY_FIGURES", str(ROOT / "book" / "figures"))
    assert main(["figures", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(list((ROOT / "book" / "figures").glob("*/*.csv")))
    assert lines == sorted(lines)
    assert any(line.startswith("breach-concentration ") for line in lines)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("bibtex", "@misc{twinprivacy-breach-sizes,"),
        ("text", "twinprivacy contributors ("),
        ("ris", "TY  - FIGURE"),
        ("csl", "["),
    ],
)
def test_a_figure_is_cited_in_every_format(name, start, capsys, monkeypatch):
    monkeypatch.setenv("TWINPRIVACY_FIGURES", str(ROOT / "book" / "figures"))
    assert main(["figures", "cite", "breach-sizes", "--format", name]) == 0
    assert capsys.readouterr().out.startswith(start)


def test_figures_that_are_not_there(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TWINPRIVACY_FIGURES", str(tmp_path))
    assert main(["figures", "cite", "no-such-figure"]) == 2
    assert capsys.readouterr().err == (
        "twinprivacy: figure 'no-such-figure' has not been published: run `make "
        "chapters`, or publish it in a chapter; published so far: none\n"
    )
    assert main(["figures", "list"]) == 2
    assert "run `make chapters`" in capsys.readouterr().err
