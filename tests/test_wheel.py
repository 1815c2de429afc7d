"""The facts reach a user who installs the wheel and has no checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOAD_EVERYTHING = """
from pathlib import Path
from twinprivacy import datasets
assert Path.cwd() in datasets.data_folder().parents, datasets.data_folder()
assert datasets.check() == []
for name in datasets.names():
    assert len(datasets.load(name)), name
print(len(datasets.names()))
"""


def test_every_data_file_loads_from_the_installed_wheel(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-c", LOAD_EVERYTHING],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert int(done.stdout) == len(list((ROOT / "data").glob("*.csv")))
