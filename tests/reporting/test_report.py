"""Reports: the same content in three forms, the page self-contained, and no text able to break out of its place."""

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from anyglot.errors import UserError
from anyglot.evaluation.translation.samples import scored_sample
from anyglot.reporting.elements import Bar, Bars, Curves, HeatMap, Line, Report, Sample, Table, plain_number
from anyglot.reporting.heat_map import draw_map, opacity
from anyglot.reporting.html import render_page
from anyglot.reporting.markdown import escaped, render_markdown
from anyglot.reporting.report import report_data, write_report
from anyglot.reporting.svg import draw_bars, draw_curves, thinned, tick_label, ticks
from anyglot.stats.scores import Score

BLEU = Score("BLEU", 31.26, 29.0, 33.5, "nrefs:1|bs:1000|tok:13a|version:2", 500)


def report(text="plain", number=12.5):
    return Report(
        title=f"Title {text}",
        summary=(text, "second paragraph"),
        tables=(Table(f"T {text}", (text, "BLEU", "n"), ((text, BLEU, 5), ("b", None, 1200)), note=text),),
        bars=(Bars(text, text, (Bar(text, text, number, number - 1, number + 1), Bar("x", "zero-shot", 3.0)), text),),
        curves=(Curves(text, text, text, (Line(text, ((0, 1.0), (9, number)), dotted=True),), ((4.0, text),)),),
        maps=(HeatMap(text, text, (text, "1"), (text, "b"), ((number, None), (2.0, 80.0)), 0.0, 100.0, text),),
        samples=(Sample(text, text, text, text, text, text, text, 50.0, 20.0), Sample("a", "b", "c")),
        facts={text: text, "Seed": "1"},
    )


class Skeleton(HTMLParser):
    """Collects tags with attribute names, and every attribute value and text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.strings = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.strings += [value for _, value in attrs]

    def handle_endtag(self, tag):
        self.tags.append("/" + tag)

    def handle_comment(self, data):
        self.tags.append("comment")

    def handle_data(self, data):
        self.strings.append(data)


@settings(max_examples=150, deadline=None)
@given(
    some.text(some.sampled_from("<>&\"'`/=!-[]{}$ \n\0\ud800scriptonlad=;:()]]\u202e") | some.characters(), min_size=1)
    | some.sampled_from(
        ["</script><script>alert(1)</script>", '"><img src=x onerror=y>', "<!--", "]]>", "$body", "${x}"]
    )
)
def test_no_text_changes_the_pages_structure(text):
    # Bar labels and legends group by text, so the harmless twin has to be as long for the same label column.
    expected, found = Skeleton(render_page(report("q"))), Skeleton(render_page(report("<" + text)))
    assert found.tags == expected.tags
    render_page(report("<" + text)).encode("utf-8")


def test_the_text_arrives_unchanged_when_it_is_printable():
    nasty = "<b>&amp; \"q\" 'p' نعم $body</b>"
    strings = Skeleton(render_page(report(nasty))).strings
    assert strings.count(nasty) >= 15


def test_the_page_asks_nothing_of_any_network_and_runs_no_script():
    page = render_page(report("see http://example.org/x.js"))
    tags = {tag[0] for tag in Skeleton(page).tags if isinstance(tag, tuple)}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "audio", "video", "form", "use"}
    assert not re.search(r"@import|url\((?!#)", page)
    assert "default-src 'none'" in page
    assert all(form in page for form in ("prefers-color-scheme: dark", "@media print", "max-width: 44rem", "viewport"))


def test_every_opened_element_is_closed_in_order():
    depth = []
    for tag in Skeleton(render_page(report())).tags:
        if isinstance(tag, tuple):
            if tag[0] not in {"meta", "br", "rect", "line", "circle", "path"}:
                depth.append(tag[0])
        elif tag[1:] not in {"rect", "line", "circle", "path"}:
            assert depth.pop() == tag[1:]
    assert depth == []


def test_all_three_forms_tell_the_same(tmp_path):
    written = write_report(tmp_path / "new" / "folder", report("Größe"))
    markdown, page = written.markdown.read_text("utf-8"), written.html.read_text("utf-8")
    data = json.loads(written.json.read_text("utf-8"))
    assert "31.3 \\[29.0, 33.5\\]" in markdown and "| – |" in markdown and "1,200" in markdown
    assert '31.3<span class="interval">29.0–33.5</span>' in page and "1,200" in page
    assert data["tables"][0]["rows"][0][1] == {
        "name": "BLEU",
        "value": 31.26,
        "low": 29.0,
        "high": 33.5,
        "signature": BLEU.signature,
        "sentences": 500,
    }
    assert data["signatures"] == {"BLEU": [BLEU.signature]}
    assert data["samples"][0]["chrf"] == 50.0 and data["facts"]["Seed"] == "1"
    for form in (markdown, page):
        assert BLEU.signature in form and "Größe" in form and "Sample translations" in form and "second" in form
    assert sorted(path.name for path in written.html.parent.iterdir()) == ["report.html", "report.json", "report.md"]


@settings(max_examples=100, deadline=None)
@given(some.text(max_size=30))
def test_markdown_cells_stay_in_their_cell(text):
    line = "| " + escaped(text) + " |"
    assert len(line.splitlines()) == 1
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 2
    assert "<" not in line


def test_json_has_no_nan():
    data = report_data(report(number=float("nan")))
    assert json.loads(json.dumps(data, allow_nan=False))["bars"][0]["bars"][0]["value"] is None


def test_a_folder_that_cannot_be_written_is_the_users_mistake(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot write .*file"):
        write_report(tmp_path / "file", report())


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="2 columns but a row of 1 cells"):
        Table("t", ("a", "b"), (("x",),))


@given(some.floats(-1e9, 1e9), some.floats(1e-6, 1e9))
def test_ticks_are_inside_round_and_not_too_many(low, width):
    high = low + width
    if high <= low + 1e-9 * abs(low):
        return
    values = ticks(low, high)
    assert 1 <= len(values) <= 8
    assert values == sorted(values)
    assert all(low - width * 1e-6 <= value <= high + width * 1e-6 for value in values)


def test_tick_labels_are_short():
    assert [tick_label(v) for v in (0, 0.25, 500, 20000, 1.5e6, 2e9)] == ["0", "0.25", "500", "20k", "1.5M", "2G"]
    assert (plain_number(12345), plain_number(1.25)) == ("12,345", "1.2")


def test_a_long_line_is_thinned_without_moving_its_level():
    points = [(float(x), 3.0) for x in range(10_000)]
    kept = thinned(points, 300)
    assert len(kept) == 300 and {y for _, y in kept} == {3.0}
    assert kept == sorted(kept) and thinned(points[:5], 300) == points[:5]


def test_bars_are_as_long_as_their_values_and_keep_their_colours():
    chart = Bars("t", "BLEU", (Bar("hi", "zero-shot", 20.0), Bar("hi", "scratch", 10.0), Bar("de", "supervised", 40.0)))
    drawn = draw_bars(chart)
    found = re.findall(r'<rect class="bar (s\d)" x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="13"', drawn)
    assert [colour for colour, _ in found] == ["s1", "s2", "s0"]
    widths = [float(width) for _, width in found]
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.01) and widths[2] / widths[1] == pytest.approx(4, rel=0.01)


@settings(max_examples=60, deadline=None)
@given(some.lists(some.tuples(some.floats(allow_nan=True), some.floats(allow_nan=True)), max_size=6))
def test_any_points_can_be_drawn(points):
    drawn = draw_curves(Curves("t", "x", "y", (Line("a", tuple(points)),)))
    assert not re.search(r"[ \"MLHV](nan|inf|-inf)", drawn)


def test_scored_samples_carry_sentence_chrf():
    sample = scored_sample("Hallo Welt", "hello world", "hello world", baseline="xyz", language="de", kind="supervised")
    assert sample.chrf == pytest.approx(100.0) and sample.baseline_chrf == 0.0
    assert scored_sample("a", "b", "c").baseline_chrf is None
    assert "chrF++ 100" in render_markdown(Report("t", samples=(sample,)))


def test_a_bar_below_zero_goes_to_the_other_side_of_the_axis_and_its_interval_is_seen():
    bars = Bar("de", "ours", -42.0, -51.2, -28.9), Bar("hi", "ours", 20.0, -3.0, 30.0)
    drawn = draw_bars(Bars("COMET", "COMET", bars))
    axis = float(re.search(r'class="axis" x1="([\d.]+)"', drawn)[1])
    boxes = re.findall(r'<rect class="bar s0" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawn)
    left, right = ([float(number) for number in box] for box in boxes[-2:])  # the first is the legend's
    assert sum(left) == pytest.approx(axis, abs=0.2) and right[0] == pytest.approx(axis, abs=0.2)
    assert left[1] / right[1] == pytest.approx(42 / 20, abs=0.02) and ">-42.0<" in drawn
    low, high, *_ = (
        float(x) for x in re.findall(r"[MH]([-\d.]+)", re.search(r'class="whisker" d="([^"]+)"', drawn)[1])
    )
    assert (axis - low) / (axis - high) == pytest.approx(51.2 / 28.9, abs=0.02)


def test_bars_of_nothing_but_zeros_are_drawn():
    assert ">0.0<" in draw_bars(Bars("t", "u", (Bar("de", "ours", 0.0), Bar("hi", "ours", 0.0, 0.0, 0.0))))


def test_tables_below_the_charts_are_all_there():
    tables = tuple(Table(f"table {place}", ("a",), ((place,),)) for place in range(3))
    page = render_page(Report("t", tables=tables, tables_above=1, bars=(Bars("b", "u", (Bar("de", "x", 1.0),)),)))
    places = [page.index(text) for text in ("table 0", '<svg class="chart"', "table 1", "table 2")]
    assert places == sorted(places)


def test_a_map_shows_every_number_and_tells_apart_what_was_not_measured():
    chart = HeatMap("Accuracy", "layer", ("0", "1"), ("de", "zh"), ((12.25, 80.0), (None, 100.0)), 0.0, 100.0)
    titles = re.findall(r"<title>(.*?)</title>", draw_map(chart))
    assert titles == ["de, layer 0: 12.2", "de, layer 1: 80.0", "zh, layer 0: –", "zh, layer 1: 100.0"]
    shades = [float(shade) for shade in re.findall(r'height="16" fill-opacity="([\d.]+)"', draw_map(chart))]
    assert shades == sorted(shades) and len(set(shades)) == 3
    assert chart.table().rows == (("de", 12.25, 80.0), ("zh", None, 100.0))


def test_colours_outside_a_maps_scale_are_its_ends():
    assert opacity(-5.0, 0.0, 10.0) == opacity(0.0, 0.0, 10.0) < opacity(10.0, 0.0, 10.0) == opacity(99.0, 0.0, 10.0)


def test_a_map_without_as_many_values_as_cells_is_refused():
    with pytest.raises(ValueError, match="2 rows of 1"):
        HeatMap("t", "layer", ("0",), ("de", "zh"), ((1.0,),), 0.0, 1.0)
