from butfor.charts import terminal


def test_lifecycle(stages):
    assert terminal.lifecycle(stages, width=40) == "\n".join([
        "active    ████████████        400   40 %",
        "inactive  ██████████████████  600   60 %",
    ])  # fmt: skip


def test_rfm_grid(cells):
    assert terminal.rfm_grid(cells, width=30) == "\n".join([
        " 2  ░░ 800       ██ 1,200",
        "    new custome… champions",
        " 1  ░░ 2,000     –",
        "    sleeping",
        "    1            2",
        "    frequency →   recency ↑",
    ])  # fmt: skip


def test_forest_line_and_zero(readout, visit):
    found = readout((50_000, 1_300), (50_000, 1_000))
    assert terminal.forest(found, visit, width=97).split("\n") == [
        "With name  ┊             ├─────●─────┤  +0.60 pp (+0.41 to +0.79)  proven, as the hypothesis says",
        "           0",
    ]
    crossing = readout((500, 11), (500, 10))
    assert terminal.forest(crossing, visit, {"named": -0.01}, width=40).split("\n") == [
        "With name  ├────◇──────┼─●─────────────┤",
        "    +0.2 pp (−1.7 to +2.1)  not proven",
        "                       0",
    ]


def test_forest_without_verdict(readout, spend):
    said = terminal.forest(readout((200, 8), (200, 6), spend), spend, width=60)
    assert "no verdict: only 6 people with a value other than 0" in said
    assert "●" not in said


def test_waterfall():
    steps = [("Revenue", 100.0), ("Anyway", -60.0), ("Caused", None)]
    assert terminal.waterfall(steps, currency="EUR", width=40).split("\n") == [
        "Revenue  ██████████████████████  100 EUR",
        "Anyway           ▒▒▒▒▒▒▒▒▒▒▒▒▒▒  −60 EUR",
        "Caused   █████████                40 EUR",
    ]


def test_nobody_yet():
    assert terminal.rfm_grid([]) == "Nobody is in the grid yet"
    assert terminal.lifecycle([]) == "Nobody is in any stage yet"
