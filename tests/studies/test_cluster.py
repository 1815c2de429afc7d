"""The same numbers on a cluster that loses a worker midway as on one machine.

The scheduler and its two workers are processes that listen on loopback; a real cluster
differs in addresses only.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from twinprivacy.attacks.membership import fit_shadows
from twinprivacy.datasets import load_cohort
from twinprivacy.studies import membership_volumes
from twinprivacy.twins.outcome import fit_outcome_twin

distributed = pytest.importorskip("distributed")

FEATURES = ["bmi_kg_m2", "mean_bp_mmhg", "age_years"]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            # Any free port: two of these may run side by side.
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        distributed.Client(cluster) as found,
    ):
        # Imports take longer than the work: both workers have them before either dies.
        found.run(import_module, "twinprivacy.twins.outcome.fit")
        yield found


def slow_fit(log: Path) -> Callable[..., Any]:
    """Return a fit that leaves word of each process that fitted.

    It is made in a function so that it travels by value: a worker cannot import tests.
    """

    def fit(frame: pd.DataFrame, *, rng: np.random.Generator) -> Any:
        twin = fit_outcome_twin(
            frame, outcome="progression_score", features=FEATURES, folds=0, rng=rng
        )
        time.sleep(0.05)
        with (log / str(os.getpid())).open("a") as file:
            file.write("fitted\n")
        return twin

    return fit


def count_fits(log: Path) -> dict[int, int]:
    return {int(p.name): len(p.read_text().split()) for p in log.iterdir()}


class Killer(threading.Thread):
    """Kill the first process that is asked for, once `ready` names one."""

    def __init__(self, ready: Callable[[], int | None]) -> None:
        super().__init__(daemon=True)
        self.ready = ready
        self.killed: int | None = None
        self.stopped = threading.Event()

    def run(self) -> None:
        while self.killed is None and not self.stopped.wait(0.01):
            pid = self.ready()
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                self.killed = pid


@contextmanager
def killing(ready: Callable[[], int | None]) -> Iterator[Killer]:
    killer = Killer(ready)
    killer.start()
    try:
        yield killer
    finally:
        killer.stopped.set()
        killer.join(timeout=5)


def test_shadow_models_survive_a_killed_worker_to_the_bit(
    client: Any, tmp_path: Path
) -> None:
    people = load_cohort("diabetes")
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    n_shadows = 40
    pending_at_kill: list[int] = []

    def attack(log: Path) -> pd.DataFrame:
        shadows = fit_shadows(
            people,
            slow_fit(log),
            outcome="progression_score",
            n_shadows=n_shadows,
            rng=np.random.default_rng(1_709),
        )
        return shadows.likelihood_ratio_attack().targets

    def ready() -> int | None:
        done = count_fits(tmp_path / "there")
        if len(done) < 2 or sum(done.values()) < 8:
            return None
        pending_at_kill.append(n_shadows - sum(done.values()))
        return min(done)

    local = attack(tmp_path / "here")
    assert list(count_fits(tmp_path / "here").values()) == [n_shadows]
    before = set(client.run(os.getpid).values())
    with killing(ready) as killer, joblib.parallel_config("dask"):
        remote = attack(tmp_path / "there")
    done = count_fits(tmp_path / "there")
    assert killer.killed in before
    # It died with most of the work still to do, and others did what it could not.
    assert pending_at_kill[0] >= n_shadows / 4
    assert killer.killed not in set(client.run(os.getpid).values())
    assert os.getpid() not in done
    assert sum(done.values()) >= n_shadows
    assert len(done) >= 2
    assert_frame_equal(remote, local, check_exact=True)


def test_volumes_survive_a_killed_worker_to_the_bit(client: Any) -> None:
    people = load_cohort("diabetes")

    def sweep() -> pd.DataFrame:
        return membership_volumes(
            people,
            outcome="progression_score",
            features=FEATURES,
            volume="people",
            values=[40, 200, 442],
            n_shadows=20,
            rng=np.random.default_rng(5),
        )

    local = sweep()
    addresses = {pid: address for address, pid in client.run(os.getpid).items()}
    newest = max(addresses)  # The other one has its imports.
    begun = threading.Event()
    pending_at_kill: list[int] = []

    def ready() -> int | None:
        tasks = client.processing() if begun.is_set() else {}
        if len(tasks) < 2 or not all(tasks.values()):
            return None
        pending_at_kill.append(len(tasks[addresses[newest]]))
        return newest

    with killing(ready) as killer, joblib.parallel_config("dask"):
        begun.set()
        remote = sweep()
    assert killer.killed == newest
    assert pending_at_kill[0] > 0
    assert newest not in set(client.run(os.getpid).values())
    assert_frame_equal(remote, local, check_exact=True)
