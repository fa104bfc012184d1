"""Mining from the texts to the table: what is found, told, refused, and kept when a run is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.margin import MARGINS, RULES, Margin, Rule, best_pairs
from anyglot.evaluation.retrieval.mining import Mined, MiningSettings, mine
from anyglot.evaluation.retrieval.mining_job import opened
from anyglot.evaluation.retrieval.mining_text import read_sentences
from anyglot.evaluation.retrieval.mining_vectors import GivenVectors
from anyglot.evaluation.retrieval.neighbours import Neighbours
from support import deadly
from support.brute_force import brute_force
from support.holder import holder

Vectors = NDArray[np.float32]


def _write(folder: Path, name: str, lines: list[str], vectors: Vectors) -> tuple[Path, Path]:
    text, held = folder / f"{name}.txt", folder / f"{name}.npy"
    text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    np.save(held, vectors)
    return text, held


@pytest.fixture
def two(tmp_path: Path) -> tuple[tuple[Path, Path], tuple[Path, Path]]:
    """Sixty sentences and forty, thirty of them pairs; with empty and repeated lines."""
    rng = np.random.default_rng(3)
    meaning = rng.standard_normal((30, 16))
    a = np.concatenate([meaning + 0.3 * rng.standard_normal((30, 16)), rng.standard_normal((30, 16))])
    b = np.concatenate([meaning + 0.3 * rng.standard_normal((30, 16)), rng.standard_normal((10, 16))])
    lines_a = [f"Satz {row}" for row in range(60)]
    lines_b = [f"sentence {row}" for row in range(40)]
    lines_a[31], lines_a[40], lines_b[35] = "", "Satz 2", "   "
    return (
        _write(tmp_path, "a", lines_a, a.astype(np.float32)),
        _write(tmp_path, "b", lines_b, b.astype(np.float32)),
    )


def _mine(
    two: tuple[tuple[Path, Path], tuple[Path, Path]],
    output: Path,
    settings: MiningSettings | None = None,
    *,
    overwrite: bool = False,
    ids: bool = False,
) -> tuple[Mined, list[str]]:
    said = list[str]()
    texts = [path for path, _ in two]
    sentences = read_sentences(texts[0], ids), read_sentences(texts[1], ids)
    vectors = GivenVectors((two[0][1], two[1][1]))
    settings = settings or MiningSettings()
    return mine(sentences, vectors, output, settings, overwrite=overwrite, say=said.append), said


def _expected(two: tuple[tuple[Path, Path], tuple[Path, Path]], kind: Margin, rule: Rule) -> list[str]:
    """The table by brute force over the first line of each sentence."""
    sides = []
    for text, held in two:
        lines = [line.strip() for line in text.read_text(encoding="utf-8").splitlines()]
        rows = [row for row, line in enumerate(lines) if line and lines.index(line) == row]
        sides.append((lines, rows, np.load(held)[rows]))
    (lines_a, rows_a, a), (lines_b, rows_b, b) = sides
    pairs = best_pairs(brute_force(a, b, 4), brute_force(b, a, 4), kind, rule)
    cells = zip(pairs.scores, [rows_a[place] for place in pairs.a], [rows_b[place] for place in pairs.b], strict=True)
    return [f"{score:.6f}\t{i + 1}\t{j + 1}\t{lines_a[i]}\t{lines_b[j]}" for score, i, j in cells]


@pytest.mark.parametrize("kind", MARGINS)
@pytest.mark.parametrize("rule", RULES)
def test_the_table_is_what_brute_force_gives(
    two: tuple[tuple[Path, Path], tuple[Path, Path]], tmp_path: Path, kind: Margin, rule: Rule
) -> None:
    output = tmp_path / "pairs.tsv"
    _mine(two, output, MiningSettings(margin=kind, rule=rule))
    assert output.read_text(encoding="utf-8").splitlines() == _expected(two, kind, rule)
    assert not output.with_name("pairs.tsv.work").exists()


def test_blocks_and_precisions_change_nothing(two: tuple[tuple[Path, Path], tuple[Path, Path]], tmp_path: Path) -> None:
    tables = set()
    for number, (block, precision) in enumerate([(1024, "fp32"), (7, "bf16"), (1, "fp32"), (64, "auto")]):
        output = tmp_path / f"{number}.tsv"
        _mine(two, output, MiningSettings(block=block, precision=precision))  # type: ignore[arg-type]
        tables.add(output.read_bytes())
    assert len(tables) == 1


def test_the_true_pairs_come_first(two: tuple[tuple[Path, Path], tuple[Path, Path]], tmp_path: Path) -> None:
    mined, _ = _mine(two, tmp_path / "pairs.tsv", MiningSettings(threshold=1.2))
    assert len(mined.pairs) >= 25
    assert (mined.pairs.a == mined.pairs.b).mean() > 0.9
    assert mined.pairs.scores.min() >= 1.2


def test_empty_and_repeated_lines_are_counted(two: tuple[tuple[Path, Path], tuple[Path, Path]]) -> None:
    first, second = (read_sentences(path, False) for path, _ in two)
    assert (len(first), first.empty, first.repeated) == (58, 1, 1)
    assert (len(second), second.empty, second.repeated) == (39, 1, 0)
    assert first.names[30:32] == ["31", "33"]


def test_own_ids_stand_in_the_table(tmp_path: Path) -> None:
    vectors = np.eye(3, dtype=np.float32)
    two = (
        _write(tmp_path, "a", ["de-1\teins", "de-2\tzwei", "de-3\tdr\tei"], vectors),
        _write(tmp_path, "b", ["x\tone", "y\ttwo", "z\tthree"], vectors),
    )
    _mine(two, tmp_path / "pairs.tsv", MiningSettings(k=2), ids=True)
    rows = {line.split("\t", 1)[1] for line in (tmp_path / "pairs.tsv").read_text(encoding="utf-8").splitlines()}
    assert rows == {"de-1\tx\teins\tone", "de-2\ty\tzwei\ttwo", "de-3\tz\tdr ei\tthree"}
    (tmp_path / "a.txt").write_text("de-1\teins\nzwei\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 2: there is no id"):
        read_sentences(tmp_path / "a.txt", True)


def test_fewer_sentences_than_neighbours_are_told(tmp_path: Path) -> None:
    two = (
        _write(tmp_path, "a", ["eins", "zwei"], np.eye(4, dtype=np.float32)[:2]),
        _write(tmp_path, "b", ["one", "two", "three"], np.eye(4, dtype=np.float32)[:3]),
    )
    mined, said = _mine(two, tmp_path / "pairs.tsv")
    assert len(mined.pairs) == 2
    assert any("only 2 sentences" in sentence for sentence in said)


def test_sentences_without_a_token_are_left_out(tmp_path: Path) -> None:
    vectors = np.eye(4, dtype=np.float32)
    vectors[1] = 0
    two = (
        _write(tmp_path, "a", ["eins", "?", "drei", "vier"], vectors),
        _write(tmp_path, "b", ["one", "two", "three", "four"], np.eye(4, dtype=np.float32)),
    )
    mined, _ = _mine(two, tmp_path / "pairs.tsv", MiningSettings(rule="forward"))
    assert mined.zero == (1, 0)
    assert sorted(mined.pairs.a.tolist()) == [0, 2, 3]
    assert mined.pairs.a.tolist() == mined.pairs.b.tolist()


def _mistake(tmp_path: Path, a: Vectors, b: Vectors, lines: int = 3) -> str:
    two = (
        _write(tmp_path, "a", [f"a{row}" for row in range(lines)], a),
        _write(tmp_path, "b", ["b0", "b1", "b2"], b),
    )
    with pytest.raises(UserError) as caught:
        _mine(two, tmp_path / "pairs.tsv")
    assert not (tmp_path / "pairs.tsv").exists()
    return str(caught.value)


def test_vectors_that_do_not_fit_are_told(tmp_path: Path) -> None:
    good = np.eye(3, dtype=np.float32)
    bad = good.copy()
    bad[1, 1] = np.nan
    for number, (a, b, lines, words) in enumerate(
        [
            (bad, good, 3, "row 1 counted from 0"),
            (good, np.ones((3, 5), np.float32), 3, "3 wide and those of b 5"),
            (good, good, 4, "3 vectors, and"),
            (good.astype(np.int64), good, 3, "int64"),
            (np.zeros((3, 3), np.float32), good, 3, "All vectors of a are zero"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert words in _mistake(folder, a, b, lines)


def test_an_output_is_not_replaced_unasked(two: tuple[tuple[Path, Path], tuple[Path, Path]], tmp_path: Path) -> None:
    output = tmp_path / "pairs.tsv"
    output.write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="`overwrite=True`"):
        _mine(two, output)
    assert output.read_text(encoding="utf-8") == "mine"
    _mine(two, output, overwrite=True)
    assert len(output.read_text(encoding="utf-8").splitlines()) > 20


def test_another_job_is_told_apart(two: tuple[tuple[Path, Path], tuple[Path, Path]], tmp_path: Path) -> None:
    output = tmp_path / "pairs.tsv"
    text_a, text_b = (read_sentences(path, False) for path, _ in two)
    asked = {"text a": text_a.digest, "text b": text_b.digest, "k": 7, "index": "exact"}
    asked |= GivenVectors((two[0][1], two[1][1])).facts()
    opened(tmp_path / "pairs.tsv.work", asked, dict, overwrite=False)
    (tmp_path / "pairs.tsv.work" / "stripe-0.npz").touch()
    with pytest.raises(UserError, match="another k:"):
        _mine(two, output)
    _mine(two, output, overwrite=True)
    assert output.exists()


def test_a_job_that_did_nothing_is_in_nobody_s_way(
    two: tuple[tuple[Path, Path], tuple[Path, Path]], tmp_path: Path
) -> None:
    opened(tmp_path / "pairs.tsv.work", {"k": 7}, dict, overwrite=False)
    _mine(two, tmp_path / "pairs.tsv")
    assert (tmp_path / "pairs.tsv").exists()


def test_two_runs_do_not_work_in_one_folder(two: tuple[tuple[Path, Path], tuple[Path, Path]], tmp_path: Path) -> None:
    output = tmp_path / "pairs.tsv"
    with holder(output) as pid, pytest.raises(UserError, match=f"is being written by process {pid} "):
        _mine(two, output)


def _cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def _changed(raw: bytes) -> bytes:
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]


def test_a_killed_run_goes_on_and_writes_the_same(tmp_path: Path) -> None:
    """Killed in the middle; then two kept stripes are damaged as well, one cut short and one changed."""
    rng = np.random.default_rng(5)
    a, b = (rng.standard_normal((rows, 24)).astype(np.float32) for rows in (400, 300))
    b[:20], a[200:210] = a[:20], a[:10]
    _write(tmp_path, "a", [f"a{row}" for row in range(len(a))], a)
    _write(tmp_path, "b", [f"b{row}" for row in range(len(b))], b)
    whole, output = tmp_path / "whole.tsv", tmp_path / "pairs.tsv"
    command = ["mine", str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    command += ["--vectors-a", str(tmp_path / "a.npy"), "--vectors-b", str(tmp_path / "b.npy"), "--block", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command += ["-o", str(output)]
    killed = subprocess.run(
        deadly.command("*/stripe-20.npz", 1, *command), env=environment, stderr=subprocess.DEVNULL, check=False
    )
    work = tmp_path / "pairs.tsv.work"
    assert killed.returncode == -signal.SIGKILL
    assert not output.exists()
    kept = sorted(work.glob("stripe-*.npz"))
    assert len(kept) == 21  # of 200
    for name, damage in (("stripe-7.npz", _cut), ("stripe-9.npz", _changed)):
        (work / name).write_bytes(damage((work / name).read_bytes()))
    first = (work / "stripe-3.npz").stat().st_mtime_ns
    two = ((tmp_path / "a.txt", tmp_path / "a.npy"), (tmp_path / "b.txt", tmp_path / "b.npy"))
    seen = list[int]()

    class Watch(GivenVectors):
        def side(self, job, which, sentences):  # type: ignore[no-untyped-def]
            seen.append((work / "stripe-3.npz").stat().st_mtime_ns)
            return super().side(job, which, sentences)

    sentences = read_sentences(two[0][0], False), read_sentences(two[1][0], False)
    vectors = Watch((two[0][1], two[1][1]))
    mine(sentences, vectors, output, MiningSettings(), say=lambda sentence: None)
    assert seen == [first, first]  # another block is asked for, and the kept stripes are used all the same
    _mine(two, whole)
    assert output.read_bytes() == whole.read_bytes()


def test_the_index_of_cells_finds_what_brute_force_finds_where_all_cells_are_looked_at(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((300, 8)).astype(np.float32), rng.standard_normal((200, 8)).astype(np.float32)
    two = (
        _write(tmp_path, "a", [f"a{row}" for row in range(300)], a),
        _write(tmp_path, "b", [f"b{row}" for row in range(200)], b),
    )
    mined, said = _mine(two, tmp_path / "ivf.tsv", MiningSettings(index="ivf"))
    _mine(two, tmp_path / "exact.tsv", MiningSettings(index="exact"))
    assert mined.index == "ivf"
    assert any("100.0%" in sentence for sentence in said)
    assert (tmp_path / "ivf.tsv").read_bytes() == (tmp_path / "exact.tsv").read_bytes()


def test_without_faiss_the_index_of_cells_is_refused(
    two: tuple[tuple[Path, Path], tuple[Path, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UserError, match=r"pip install 'anyglot\[retrieval\]'"):
        _mine(two, tmp_path / "pairs.tsv", MiningSettings(index="ivf"))


def test_settings_are_checked() -> None:
    for settings, words in (
        ({"k": 0}, "`k` must be at least 1"),
        ({"block": 0}, "`block`"),
        ({"margin": "cosine"}, "no margin 'cosine'"),
        ({"rule": "all"}, "no retrieval rule"),
        ({"index": "flat"}, "exact, ivf"),
        ({"precision": "int8"}, "no search precision"),
    ):
        with pytest.raises(UserError, match=words):
            MiningSettings(**settings)  # type: ignore[arg-type]


def test_margins_need_both_directions() -> None:
    """A guard of this file's oracle: the same arrays the other way round give the other margin."""
    near = Neighbours(np.array([[0.9, 0.5]], np.float32), np.array([[0, 1]]))
    back = Neighbours(np.array([[0.9], [0.5]], np.float32), np.array([[0], [0]]))
    assert best_pairs(near, back, "ratio", "forward").scores[0] == pytest.approx(0.9 / ((0.7 + 0.9) / 2), rel=1e-6)
