//! A plot of some lines over time, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 30.0;

/// Colours that can be told apart, also by those who see red and green alike.
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#555555"];

/// Draws lines with their names, and a mark at the time of each fault. Times are in seconds.
pub(super) fn plot(title: &str, lines: &[(&str, &[(f64, f64)])], faults: &[f64]) -> String {
    let points = || lines.iter().flat_map(|(_, points)| points.iter());
    let until = points().map(|(at, _)| *at).fold(1.0, f64::max);
    let highest = points().map(|(_, value)| *value).fold(1.0, f64::max) * 1.05;
    let x = |at: f64| LEFT + at / until * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / highest * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n<text x=\"{LEFT}\" y=\"18\" \
         font-weight=\"bold\">{title}</text>\n"
    );
    // Writing to a string does not fail.
    for at in faults {
        let at = x(*at);
        let bottom = HEIGHT - BOTTOM;
        let _ok = writeln!(svg, "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>");
    }
    for share in [0.0, 0.5, 1.0] {
        let value = highest * share;
        let _ok = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#bbb\"/><text x=\"{end}\" y=\"{text:.1}\" \
             text-anchor=\"end\">{value:.0}</text>",
            at = y(value),
            right = WIDTH - RIGHT,
            end = LEFT - 6.0,
            text = y(value) + 4.0
        );
    }
    let _ok = writeln!(
        svg,
        "<text x=\"{right}\" y=\"{bottom}\" text-anchor=\"end\">{until:.0} s</text>",
        right = WIDTH - RIGHT,
        bottom = HEIGHT - 10.0
    );
    for (index, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let path: Vec<String> = points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
        let _ok = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/><text x=\"{}\" y=\"{}\" \
             fill=\"{colour}\">{name}</text>",
            path.join(" "),
            WIDTH - RIGHT + 10.0,
            TOP + 10.0 + 18.0 * index as f64
        );
    }
    svg.push_str("</svg>\n");
    svg
}
