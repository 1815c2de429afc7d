"""Nobody changes an interval without proving again that it covers."""

import calibration


def test_every_calibration_was_run_with_the_code_as_it_is():
    assert not calibration.stale(), "run `make calibration` and commit its lock"


def test_the_lock_holds_nothing_else():
    assert calibration.LOCK.read_text() == calibration.lock_text()


def test_a_calibration_reaches_the_code_that_it_proves():
    path = calibration.ROOT / "tests/breaches/test_coverage.py"
    seen = set()
    calibration.reach(path, seen)
    names = {found.relative_to(calibration.ROOT).as_posix() for found in seen}
    assert {
        "twinprivacy/breaches/size.py",
        "twinprivacy/breaches/families.py",
        "twinprivacy/estimates/estimate.py",
    } <= names
    assert "twinprivacy/plots/axes.py" not in names


def test_only_what_a_file_does_counts(tmp_path):
    texts = {
        "plain": 'def f(x):\n    """Add."""\n    return x + 1\n',
        "other words": 'def f(x):\n    """One more."""\n    return (x + 1)  # 1\n',
        "other code": 'def f(x):\n    """Add."""\n    return x + 2\n',
    }
    found = {}
    for name, text in texts.items():
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        found[name] = calibration.essence(path)
    assert found["plain"] == found["other words"]
    assert found["plain"] != found["other code"]


def test_a_name_behind_the_door_of_a_room_is_found(tmp_path):
    path = tmp_path / "uses.py"
    path.write_text(
        "def f():\n    from twinprivacy.attacks.inference import infer_attribute\n"
    )
    (found,) = calibration.imported(path)
    assert found.name == "attribute_inference.py"
