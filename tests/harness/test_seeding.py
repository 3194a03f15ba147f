from harness.seeding import derive


def test_seeds_differ_by_every_name_and_are_frozen():
    seeds = {
        derive(seed, *names) for seed in (0, 1) for names in [("order", 0), ("order", 1), ("fresh", 0, 1), ("a/b",)]
    }
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive(0, "order", 0) == 3955691223199900983, "stored runs could not be repeated if this changed"
