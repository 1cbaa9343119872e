//! The share of packets lost over time.

use shared::api::Series;

use super::scale::{filling_up, gap_sentence, highest, labels, missing, period, scale, steps, threshold};
use super::{Axis, Chart, closed};
use crate::format;
use crate::language::Language;
use crate::model::Scene;
use crate::plot;

pub(super) fn chart(series: &Series, scene: &Scene<'_>) -> Chart {
    let (points, language) = (&series.points, scene.language());
    let closed = closed(series, scene);
    let all: Vec<Option<f64>> =
        points.iter().map(|point| point.measures.success_rate.map(|rate| (1.0 - rate) * 100.0)).collect();
    let part = |is_open: bool| {
        let own = |(step, loss): (usize, &Option<f64>)| loss.filter(|_| (step >= closed) == is_open);
        all.iter().enumerate().map(own).collect::<Vec<_>>()
    };
    let (loss, open) = (part(false), part(true));
    let limit = (1.0 - scene.limits.degraded_success_rate) * 100.0;
    let (scale, y) = scale(highest(&loss).or_else(|| highest(&open)).map(|highest| highest.max(1.0)), limit);
    let is_total = |loss: f64| loss >= 100.0;
    let lost: u64 = points.iter().map(|point| point.measures.packets_lost).sum();
    let above = |of: &[Option<f64>]| of.iter().flatten().filter(|loss| **loss > limit).count();
    let beyond =
        highest(&open).filter(|highest| !scale.holds(*highest)).map(|highest| language.percent(Some(highest / 100.0)));
    let period = period(series, language);
    let paths = vec![
        ("usual", plot::bars(&loss, scale, |loss| loss <= limit)),
        ("high", plot::bars(&loss, scale, |loss| loss > limit && !is_total(loss))),
        ("total", plot::bars(&loss, scale, is_total)),
        ("open-bar", plot::bars(&open, scale, |_| true)),
        ("open-cut", plot::cuts(&open, scale)),
    ];
    let mut legend = Vec::new();
    if loss.iter().flatten().any(|loss| is_total(*loss)) {
        legend.push(("bar-total", language.text("all lost", "todo perdido").to_owned()));
    }
    legend.extend(filling_up("bar-open", all.len() - closed, beyond, scene));
    let limit_in_words = format::with_unit(&language.fixed(limit, decimals(limit)), "%");
    legend.push(threshold(y, &limit_in_words, above(&open), scene));
    let known = all.iter().any(Option::is_some).then_some(lost);
    legend.push(("", format!("{} {}", format::count_if_known(known), language.text("lost", "perdidos"))));
    Chart {
        name: "loss",
        title: language.text("Packet loss", "Pérdida de paquetes"),
        unit: "",
        axis: Axis::of(series, language),
        labels: labels(scale, "%", language),
        paths,
        legend,
        gaps: plot::stretches(&missing(&all)),
        threshold: y,
        nothing: None,
        description: match highest(&loss) {
            Some(high) => {
                let (lost, high, gaps) = (format::count(lost), language.fixed(high, 2), gap_sentence(&all, language));
                let above = steps(above(&all), language);
                match language {
                    Language::English => format!(
                        "Packet loss {period}. {lost} packets lost, at most {high} % in a step; {above} above the threshold of {limit:.0} %.{gaps}"
                    ),
                    Language::Spanish => format!(
                        "Pérdida de paquetes {period}. {lost} paquetes perdidos, como máximo {high} % en un tramo; {above} por encima del umbral de {limit:.0} %.{gaps}"
                    ),
                }
            }
            None => match language {
                Language::English => format!("Packet loss {period}. No step has packets."),
                Language::Spanish => format!("Pérdida de paquetes {period}. Ningún tramo tiene paquetes."),
            },
        },
    }
}

const fn decimals(number: f64) -> usize {
    if (number - number.round()).abs() < 1e-9 { 0 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_lost, charted, path, with_step};
    use super::Chart;
    use crate::model::tests::overview;

    #[test]
    fn a_step_in_which_all_was_lost_stands_out() {
        let charts = with_step(3, all_lost());
        assert_eq!(path(&charts.loss, "total"), "M31.2 200V0h7.6V200z", "it reaches the top");
        assert!(!path(&charts.loss, "high").contains("M31.2 "), "it is told apart from what is merely high");
        assert_eq!(charts.loss.labels[0], "100%");
        assert_eq!(charts.rows[56].cells.last().unwrap(), "100\u{202f}%");
    }

    /// An antenna that is in trouble from its first reading on is degraded by steps that are still filling up.
    #[test]
    fn open_steps_count_for_the_threshold_and_say_when_the_axis_does_not_reach_them() {
        let mut series = overview().series;
        for point in &mut series.points {
            point.measures.success_rate = Some(0.999);
        }
        series.points[59].measures.success_rate = Some(0.58);
        let loss = charted(&series).loss;
        let words: Vec<&str> = loss.legend.iter().map(|(_, words)| &**words).collect();
        let expected =
            ["still filling up, up to 42.00\u{202f}%", "1 step still filling up above the threshold of 5\u{202f}%"];
        assert_eq!(words[..2], expected);
        assert_eq!((path(&loss, "open-cut"), loss.threshold), ("M590 14l5 -14l5 14z", None));
        assert!(loss.description.contains("; 1 step above the threshold of 5 %"), "{}", loss.description);
        assert!(loss.description.contains("at most 0.10 % in a step"), "{}", loss.description);
        series.points[59].measures.success_rate = Some(0.999);
        let loss = charted(&series).loss;
        assert_eq!(loss.legend[0].1, "still filling up");
        assert_eq!(path(&loss, "open-cut"), "");
    }

    #[test]
    fn the_threshold_is_drawn_where_values_come_near_it() {
        let mut series = overview().series;
        for point in &mut series.points {
            point.measures.success_rate = Some(0.999);
        }
        let threshold = |chart: Chart| (chart.threshold, chart.legend[1].1.clone());
        let (y, words) = threshold(charted(&series).loss);
        assert_eq!((y, &*words), (None, "all far below the threshold of 5\u{202f}%"));
        assert_eq!(charted(&series).loss.labels[0], "1.00%");
        series.points[7].measures.success_rate = Some(0.969);
        let (y, words) = threshold(charted(&series).loss);
        assert_eq!((y.is_some(), &*words), (true, "threshold 5\u{202f}%"));
    }
}
