"""The fake engine as a module, for workers of a cluster to import; an iteration takes a while, to be killed in."""

from tests.dashboard.fake_engine import FakeEngine

_engine = FakeEngine(pause=0.02)
run_merge, resume_merge = _engine.run_merge, _engine.resume_merge
