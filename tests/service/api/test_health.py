from __future__ import annotations


def test_livez_and_readyz(shared):
    assert shared.get("/livez").json == {"status": "alive"}
    assert shared.get("/readyz").json == {"status": "ready"}
