"""The legend's place: a property of rectangles, with no window at all."""

from hypothesis import given
from hypothesis import strategies as st

from app.graph_view.legend_place import _overlap, place_legend

AREA = (12.0, 12.0, 760.0, 580.0)
MINIMAP = (596.0, 464.0, 176.0, 128.0)
coordinate = st.floats(0, 700)
side = st.floats(5, 200)
boxes = st.lists(st.tuples(coordinate, coordinate, side, side), max_size=12)


@given(boxes, boxes, st.floats(20, 200))
def test_it_covers_something_only_where_every_place_does(headings, blocks, height):
    size = (176.0, height)
    x, y = place_legend(size, AREA, headings, blocks, MINIMAP)
    corner = (AREA[0] + AREA[2] - size[0], AREA[1])
    taken = [*headings, *blocks, MINIMAP]

    def covered(place):
        return sum(_overlap((*place, *size), box) for box in taken)

    assert covered((x, y)) <= covered(corner) + 1e-3
    if covered(corner) == 0:
        assert (x, y) == corner


def test_it_goes_below_the_heading_it_would_cover():
    heading = (616.0, 24.0, 151.6, 14.9)
    x, y = place_legend((176.0, 54.0), AREA, [heading], [(625.0, 196.0, 134.0, 370.0)], MINIMAP)
    assert y >= heading[1] + heading[3]
    assert x + 176.0 <= AREA[0] + AREA[2]
