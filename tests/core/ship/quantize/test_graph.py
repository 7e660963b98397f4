"""What decodes is found by structure; which layers stay in higher precision, by what they keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from core.ship.quantize.choose import NOISE, Tried, best, check_kept, parse_kept, versions
from core.ship.quantize.graph import Operation, boundary, decoding, layers, left_out
from core.ship.quantize.methods import method_of


def op(name, kind, *sources, weighted=False):
    return Operation(name, kind, sources, name, weighted)


HEAD = (
    op("body", "Conv", weighted=True),
    op("boxes", "Conv", "body", weighted=True),
    op("scores", "Conv", "body", weighted=True),
    op("bins", "Reshape", "boxes"),
    op("probabilities", "Softmax", "bins"),
    op("turned", "Transpose", "probabilities"),
    op("mean", "Conv", "turned", weighted=True),
    op("sizes", "Shape", "body"),
    op("pixels", "Mul", "mean", "sizes"),
    op("sure", "Sigmoid", "scores"),
    op("joined", "Concat", "pixels", "sure"),
)


def test_the_decoding_ends_at_the_last_trained_layers():
    found = decoding(HEAD, ["joined"])
    assert found == {"bins", "probabilities", "turned", "mean", "sizes", "pixels", "sure", "joined"}
    assert boundary(HEAD, found) == ("boxes", "scores")
    assert layers(HEAD, found) == ("body", "boxes", "scores")
    assert left_out(HEAD, found, ["boxes"]) == found | {"boxes"}
    assert left_out(HEAD, found, ["box"]) == found  # part of a name is no module


KINDS = st.sampled_from(("Conv", "Mul", "Softmax", "Reshape", "Concat"))


@st.composite
def networks(draw):
    """Any graph without circles, the last operation being the output."""
    made = []
    for number in range(draw(st.integers(1, 20))):
        names = [one.name for one in made]
        sources = draw(st.lists(st.sampled_from(names), max_size=3, unique=True)) if names else []
        kind = draw(KINDS)
        made.append(op(str(number), kind, *sources, weighted=kind == "Conv"))
    return tuple(made)


@given(networks())
def test_no_trained_layer_decodes_and_nothing_decodes_before_one(operations):
    found = decoding(operations, [operations[-1].name])
    known = {one.name: one for one in operations}
    after_softmax = {
        one.name for one in operations if any(known[s].kind == "Softmax" for s in one.sources)
    }
    for name in found:
        readers = {one.name for one in operations if name in one.sources}
        assert name == operations[-1].name or readers & found
        if known[name].weighted:
            moved = {s for s in known[name].sources if known[s].kind == "Reshape"}
            assert name in after_softmax or moved
    for name in boundary(operations, found):
        assert known[name].weighted


shares = st.floats(0.0, 1.5)


@given(st.lists(st.tuples(shares, shares), min_size=1, max_size=6))
def test_a_version_with_more_layers_must_be_worth_more(figures):
    tried = [Tried(tuple(map(str, range(n))), *pair) for n, pair in enumerate(figures)]
    chosen = best(tried)
    assert all(tried[chosen].worth > one.worth + NOISE - 1e-9 for one in tried[:chosen])
    assert all(one.worth <= tried[chosen].worth + NOISE for one in tried[chosen:])


def test_versions_leave_more_and_more_layers():
    assert versions([]) == [()]
    assert versions(["a"]) == [(), ("a",)]
    assert versions(list("abc")) == [(), ("a",), ("a", "b"), ("a", "b", "c")]
    assert [len(one) for one in versions([str(n) for n in range(60)])] == [0, 1, 2, 4, 8]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("auto", None), ("none", ()), ("model.0, model.22,model.0", ("model.0", "model.22"))],
)
def test_layers_to_keep_are_read(text, kept):
    assert parse_kept(text) == kept


@pytest.mark.parametrize("text", ["", ",", "model.0,,model.1", " ,a"])
def test_an_empty_name_is_refused(text):
    with pytest.raises(UserError, match="is not a list of layers"):
        parse_kept(text)


def test_a_layer_that_is_none_is_refused_with_the_nearest():
    check_kept(["model.22", "model.0.conv"], ["model.0.conv", "model.22.cv3.0.2"])
    with pytest.raises(UserError, match=r"no layer “model.0.cony”.*Did you mean model.0.conv\?"):
        check_kept(["model.0.cony"], ["model.0.conv"])
    with pytest.raises(UserError, match="secateur inspect"):
        check_kept(["z"], ["model.0.conv"])


@pytest.mark.parametrize("form", ["ncnn", "torchscript", "engine"])
def test_other_formats_are_not_quantised_here(form):
    with pytest.raises(UserError, match="is not quantised here"):
        method_of(form)
