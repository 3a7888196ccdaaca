from pathlib import Path

import pytest

from mcserver.evaluate.pairs import Pair, PairFile, PairFileError, join_long, read_pairs, sample

PAIRS = [Pair(f"question {n}", f"asked {n} anew", n % 3 != 0) for n in range(60)]


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "pairs.tsv"
    path.write_bytes(text.encode(encoding))
    return path


def test_lines_become_pairs(tmp_path: Path) -> None:
    path = write(tmp_path, "一\t二\t1\n\na b\tc\u2028d\t0\r\n")
    assert read_pairs(path) == PairFile("pairs", [Pair("一", "二", right=True), Pair("a b", "c\u2028d", right=False)])


@pytest.mark.parametrize("line", ["a\tb", "a\tb\t2", "a\tb\t1\tc", "a b 1", "a\tb\t"])
def test_another_form(tmp_path: Path, line: str) -> None:
    with pytest.raises(PairFileError, match=r"pairs.tsv, line 2: expected text, tab, text, tab, 1 or 0; found 'a"):
        read_pairs(write(tmp_path, f"a\tb\t1\n{line}\n"))


@pytest.mark.parametrize(("text", "count"), [("a\tb\t1\n", 1), ("", 0)])
def test_one_label_only(tmp_path: Path, text: str, count: int) -> None:
    with pytest.raises(PairFileError, match=f"has {count} pairs of one kind, expected some with label 1 and some with label 0"):
        read_pairs(write(tmp_path, text))


def test_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(PairFileError, match="is not UTF-8"):
        read_pairs(write(tmp_path, "一\t二\t1\n", "gbk"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(PairFileError, match=r"cannot read .*none.tsv: No such file"):
        read_pairs(tmp_path / "none.tsv")


def test_a_sample_is_reproducible_and_bounded() -> None:
    assert sample(PAIRS, 10, seed=1) == sample(PAIRS, 10, seed=1) != sample(PAIRS, 10, seed=2)
    assert len(set(sample(PAIRS, 10, seed=1))) == 10
    assert sorted(sample(PAIRS, 1000, seed=1), key=str) == sorted(PAIRS, key=str)


class TestLong:
    def test_half_of_them_right_and_all_of_them_long(self) -> None:
        joined = join_long(PAIRS, longer_than=100, count=40, seed=1)
        assert [pair.right for pair in joined] == [True, False] * 20
        assert all(min(len(pair.stored), len(pair.asked)) > 100 for pair in joined)

    def test_what_differs(self) -> None:
        by_stored = {pair.stored: pair for pair in PAIRS}
        verbatim = 0
        for pair in join_long(PAIRS, longer_than=100, count=40, seed=1):
            parts = [by_stored[line] for line in pair.stored.split("\n")]
            asked = pair.asked.split("\n")
            differing = [part for part, line in zip(parts, asked, strict=True) if line == part.asked]
            verbatim += len(parts) - len(differing)
            assert all(line in (part.stored, part.asked) for part, line in zip(parts, asked, strict=True))
            assert differing
            assert sum(not part.right for part in differing) == (not pair.right)
            assert sum(not part.right for part in parts) == (not pair.right)
        assert verbatim

    def test_reproducible(self) -> None:
        again = [join_long(PAIRS, longer_than=100, count=6, seed=seed) for seed in (1, 1, 2)]
        assert again[0] == again[1] != again[2]
