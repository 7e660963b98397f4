"""Any selection on any family: it runs, equals the masked original, and costs what was said."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.plan.criteria import CRITERIA
from core.plan.resolve import Resolver
from core.plan.schema import Plan
from core.plan.widths import compute_widths
from core.pruning.criteria import score_atoms
from core.pruning.surgery import cut_network
from core.pruning.verify import verify_networks
from tests.core.networks import SMALL, network, parameters, table_of

EXAMPLES = int(os.environ.get("SECATEUR_EXAMPLES", "40"))
"""How many random plans to try; raise it to search longer."""

RESOLVERS: dict[str, Resolver] = {}


@st.composite
def plans(draw: st.DrawFn, family: str) -> Plan:
    table = table_of(family)
    mixing = [n for n, layer in enumerate(table.layers) if layer.mixes]
    blocks = st.fixed_dictionaries(
        {
            "block": st.integers(0, len(table.blocks) - 1),
            "ratio": st.floats(0, 1),
            "scope": st.sampled_from(["output", "inside", "all"]),
        }
    )
    by_ratio = st.builds(
        lambda n, ratio: {"layer": table.layers[n].name, "ratio": ratio},
        st.sampled_from(mixing),
        st.floats(0, 1),
    )
    exact = st.sampled_from(mixing).flatmap(
        lambda n: st.sets(st.integers(0, int(table.out_counts[n]) - 1), max_size=12).map(
            lambda channels: {"layer": table.layers[n].name, "channels": sorted(channels)}
        )
    )
    entries = draw(st.lists(st.one_of(blocks, by_ratio, exact), min_size=1, max_size=6))
    locked = draw(st.lists(st.integers(0, len(table.blocks) - 1), max_size=3))
    return Plan(
        selection=entries,
        locked=locked,
        criterion=draw(st.sampled_from(sorted(n for n in CRITERIA if not CRITERIA[n].by_images))),
        round_to=draw(st.sampled_from([1, 4, 8])),
        minimum_channels=draw(st.sampled_from([1, 2, 8])),
        seed=draw(st.integers(0, 9)),
        strategy=draw(st.sampled_from(["structural", "independent"])),
    )


def check(family: str, plan: Plan) -> None:
    table, model = table_of(family), network(family)
    resolver = RESOLVERS.setdefault(family, Resolver(table))
    resolution = resolver.resolve(plan, score_atoms(model, table, plan.criterion, plan.seed))
    removed = resolution.removed
    assert not removed[~resolver.free_atoms(plan)].any(), "a fixed or locked channel was removed"
    widths = compute_widths(table, removed)
    floor = [min(int(n), plan.minimum_channels) for n in table.out_counts]
    assert (widths.outputs >= floor).all()
    smaller = cut_network(model, table, removed)
    assert parameters(smaller) == widths.parameters
    proof = verify_networks(model, smaller, table, removed)
    assert proof.passed, f"{plan}: relative error {proof.relative_error:.1e}"


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_selection(data: st.DataObject) -> None:
    family = data.draw(st.sampled_from([f for f in SMALL if f != "rtdetr-l"]))
    check(family, data.draw(plans(family)))


@settings(
    max_examples=max(1, EXAMPLES // 10), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(data=st.data())
def test_any_selection_of_rtdetr(data: st.DataObject) -> None:
    check("rtdetr-l", data.draw(plans("rtdetr-l")))
