"""Graphs of characters."""

from mcserver.telemetry.sparkline import COLUMNS, draw


def test_nothing():
    assert draw([], []) == ""


def test_one_value():
    assert draw([7], ["15s"]) == " \n \n \n_\n \n1\n5\ns\n"


def test_heights_and_labels():
    assert draw([0, 4, 8, 12], ["9s", "1m", "10h", "1d"]).splitlines() == [
        "   #",
        "  #|",
        " o||",
        "_|||",
        "    ",
        "9111",
        "sm0d",
        "  h ",
    ]


def test_all_steps():
    assert draw(list(range(13)), ["x"] * 13).splitlines()[:4] == [
        "         _o##",
        "      _o#||||",
        "   _o#|||||||",
        "_o#||||||||||",
    ]


def test_wide_graphs_go_on_underneath():
    lines = draw(list(range(COLUMNS + 1)), ["x"] * (COLUMNS + 1)).split("\n")
    assert [len(line) for line in lines] == [COLUMNS] * 6 + [0] + [1] * 6 + [0]
