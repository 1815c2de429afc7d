"""Peers in environments of their own, and claims that are held or end the script."""

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "_build" / "peers"


def peer_python(name: str, *requirements: str) -> str:
    """Return the interpreter of a peer's environment, made on first use."""
    folder = FOLDER / name
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    # Versions are pinned; present already, this takes a second.
    run([str(python), "-m", "pip", "install", "--quiet", *requirements])
    return str(python)


def run(command: list[str]) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    hold(done.returncode == 0, f"a side does not run: {done.stderr[-300:]}")
    return done.stdout


def hold(claim: bool, otherwise: str) -> None:
    """Stop with an error where a claim does not hold."""
    if not claim:
        raise SystemExit(f"{Path(sys.argv[0]).stem}: {otherwise}")
