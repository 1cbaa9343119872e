//! The share of packets lost over time.

use shared::api::{Measures, Point, Series};

use super::scale::{
    filling_up, gap_sentence, gaps, highest, labels, last_week_key, last_week_sentence, period, scale, steps, threshold,
};
use super::{Axis, Chart, closed};
use crate::format;
use crate::language::Language;
use crate::model::Scene;
use crate::model::last_week::LastWeek;
use crate::plot::{self, Scale};

/// The steps in which antennas were down that their sums do not tell.
struct Worst {
    /// How many antennas were down in a step that is marked.
    marked: Option<u64>,
    words: Option<String>,
}

/// The chart of the network. The worst step is marked, unless as many antennas are down in most steps: then the mark would say
/// nothing about it.
pub(super) fn network(series: &Series, last_week: Option<&LastWeek<'_>>, scene: &Scene<'_>) -> Chart {
    let known = series.points.iter().filter(|point| point.measures.readings > 0);
    let mut down: Vec<u64> = known.map(|point| point.antennas_down).collect();
    down.sort_unstable();
    let usual = down.get(down.len() / 2).copied().unwrap_or_default();
    let most = down.last().copied().unwrap_or_default();
    let words = || {
        let english = ["antenna down in the worst step", "antennas down in the worst step"];
        scene.language().plural(most, english, ["antena caída en el peor tramo", "antenas caídas en el peor tramo"])
    };
    let worst = Worst { marked: (most > usual).then_some(most), words: (most > 0).then(words) };
    chart(series, last_week, scene, &worst)
}

/// The chart of one antenna. Each step in which it was down for a part is marked.
pub(super) fn antenna(series: &Series, last_week: Option<&LastWeek<'_>>, scene: &Scene<'_>) -> Chart {
    let in_part = |point: &Point| point.antennas_down > 0 && point.measures.success_rate != Some(0.0);
    let words = || scene.text("down for a part of the step", "caída en parte del tramo").to_owned();
    let words = series.points.iter().any(in_part).then(words);
    chart(series, last_week, scene, &Worst { marked: Some(1), words })
}

/// The share of packets lost.
pub(super) fn share(measures: &Measures) -> Option<f64> {
    measures.success_rate.map(|rate| 1.0 - rate)
}

fn chart(series: &Series, last_week: Option<&LastWeek<'_>>, scene: &Scene<'_>, worst: &Worst) -> Chart {
    let (points, language) = (&series.points, scene.language());
    let closed = closed(series, scene);
    let percentage = |measures: &Measures| share(measures).map(|share| share * 100.0);
    let all: Vec<Option<f64>> = points.iter().map(|point| percentage(&point.measures)).collect();
    let before = last_week.map_or_else(Vec::new, |last_week| last_week.values(percentage));
    let part = |is_open: bool| {
        let own = |(step, loss): (usize, &Option<f64>)| loss.filter(|_| (step >= closed) == is_open);
        all.iter().enumerate().map(own).collect::<Vec<_>>()
    };
    let (loss, open) = (part(false), part(true));
    let limit = (1.0 - scene.limits.degraded_success_rate) * 100.0;
    let own = highest(&loss).or_else(|| highest(&open));
    let highest_of = own.into_iter().chain(highest(&before)).reduce(f64::max);
    let (scale, y) = scale(highest_of.map(|highest| highest.max(1.0)), limit);
    let is_total = |loss: f64| loss >= 100.0;
    let lost: u64 = points.iter().map(|point| point.measures.packets_lost).sum();
    let above = |of: &[Option<f64>]| of.iter().flatten().filter(|loss| **loss > limit).count();
    let beyond =
        highest(&open).filter(|highest| !scale.holds(*highest)).map(|highest| language.percent(Some(highest / 100.0)));
    let period = period(series, language);
    let mut paths = vec![
        ("usual", plot::bars(&loss, scale, |loss| loss <= limit)),
        ("high", plot::bars(&loss, scale, |loss| loss > limit && !is_total(loss))),
        ("total", plot::bars(&loss, scale, is_total)),
        ("open-bar", plot::bars(&open, scale, |_| true)),
        ("open-cut", plot::cuts(&open, scale)),
    ];
    // A step in which all was lost says so itself.
    let is_marked =
        |point: &Point, loss: &Option<f64>| Some(point.antennas_down) == worst.marked && !loss.is_some_and(is_total);
    if last_week.is_some() {
        paths.insert(0, ("last-week", plot::line(&before, scale)));
    }
    let marks = points.iter().zip(&all).map(|(point, loss)| is_marked(point, loss).then_some(0.96));
    let marks = plot::dots(&marks.collect::<Vec<_>>(), Scale::from_zero_to(1.0));
    let is_marked = !marks.is_empty();
    let gaps = gaps(&all, closed);
    paths.push(("worst-step", marks));
    let mut legend = Vec::new();
    if loss.iter().flatten().any(|loss| is_total(*loss)) {
        legend.push(("bar-total", language.text("all lost", "todo perdido").to_owned()));
    }
    legend.extend(last_week.map(|last_week| last_week_key(last_week, scene)));
    legend.extend(filling_up("bar-open", all.len() - closed, beyond, scene));
    let limit_in_words = format::with_unit(&language.fixed(limit, decimals(limit)), "%");
    legend.push(threshold(y, &limit_in_words, above(&open), scene));
    legend.extend(worst.words.iter().filter(|_| is_marked).map(|words| ("dot-worst", words.clone())));
    if !gaps.is_empty() {
        legend.push(("gap", language.text("no data", "sin datos").to_owned()));
    }
    let known = all.iter().any(Option::is_some).then_some(lost);
    legend.push(("", format!("{} {}", format::count_if_known(known), language.text("lost", "perdidos"))));
    let own = match (highest(&loss), worst.words.as_ref().map(|words| format!(" {words}.")).unwrap_or_default()) {
        (Some(high), worst) => {
            let (lost, high, gaps) =
                (format::count(lost), language.fixed(high, 2), gap_sentence(&all[..closed], language));
            let above = steps(above(&all), language);
            match language {
                Language::English => format!(
                    "Packet loss {period}. {lost} packets lost, at most {high} % in a step; {above} above the threshold of {limit:.0} %.{worst}{gaps}"
                ),
                Language::Spanish => format!(
                    "Pérdida de paquetes {period}. {lost} paquetes perdidos, como máximo {high} % en un tramo; {above} por encima del umbral de {limit:.0} %.{worst}{gaps}"
                ),
            }
        }
        (None, _) => match language {
            Language::English => format!("Packet loss {period}. No step has packets."),
            Language::Spanish => format!("Pérdida de paquetes {period}. Ningún tramo tiene paquetes."),
        },
    };
    Chart {
        name: "loss",
        title: language.text("Packet loss", "Pérdida de paquetes"),
        unit: "",
        axis: Axis::of(series, scene),
        labels: labels(scale, "%", language),
        paths,
        legend,
        gaps,
        threshold: y,
        nothing: None,
        description: own + &last_week.map_or_else(String::new, |_| before_in_words(&before, scene)),
    }
}

fn before_in_words(before: &[Option<f64>], scene: &Scene<'_>) -> String {
    let language = scene.language();
    let course = highest(before).map(|high| match language {
        Language::English => format!("at most {} % in a step", language.fixed(high, 2)),
        Language::Spanish => format!("como máximo {} % en un tramo", language.fixed(high, 2)),
    });
    last_week_sentence(course, scene)
}

const fn decimals(number: f64) -> usize {
    if (number - number.round()).abs() < 1e-9 { 0 } else { 1 }
}

#[cfg(test)]
mod tests {
    use shared::api::Status;

    use super::super::tests::{all_lost, charted, path, smoke, with_step};
    use super::Chart;
    use crate::model::tests::{antenna, overview};

    #[test]
    fn a_step_in_which_all_was_lost_stands_out() {
        let charts = with_step(3, all_lost());
        assert_eq!(path(&charts.loss, "total"), "M31.2 200V0h7.6V200z", "it reaches the top");
        assert!(!path(&charts.loss, "high").contains("M31.2 "), "it is told apart from what is merely high");
        assert_eq!(charts.loss.labels[0], "100%");
        assert_eq!(charts.rows[56].cells[6], "100\u{202f}%");
    }

    #[test]
    fn the_worst_step_is_marked_and_said_where_the_sums_are_well() {
        let mut series = overview().series;
        for (step, point) in series.points.iter_mut().enumerate() {
            point.measures.success_rate = Some(0.999);
            point.antennas_down = [(7, 3), (8, 1)].iter().find(|(it, _)| *it == step).map_or(0, |(_, down)| *down);
        }
        let charts = charted(&series);
        assert_eq!(path(&charts.loss, "worst-step"), "M75 8h0", "of the steps with antennas down, the worst");
        assert!(charts.loss.legend.contains(&("dot-worst", "3 antennas down in the worst step".to_owned())));
        assert!(charts.loss.description.contains(" 3 antennas down in the worst step."), "{}", charts.loss.description);
        assert_eq!(charts.rows[52].cells.last().unwrap(), "3");
        series.points.iter_mut().for_each(|point| point.antennas_down = 2);
        let loss = charted(&series).loss;
        assert_eq!(path(&loss, "worst-step"), "", "no step is worse than another");
        series.points.iter_mut().rev().take(20).for_each(|point| point.antennas_down = 1);
        assert_eq!(path(&charted(&series).loss, "worst-step"), "", "the worst is the rule");
        assert!(loss.legend.iter().all(|(class, _)| *class != "dot-worst"));
        assert!(loss.description.contains(" 2 antennas down in the worst step."), "{}", loss.description);
        series.points.iter_mut().for_each(|point| point.antennas_down = 0);
        let loss = charted(&series).loss;
        assert_eq!(path(&loss, "worst-step"), "");
        assert!(loss.legend.iter().all(|(class, _)| *class != "dot-worst"));
        // Of one antenna, each step in which it was down for a part; what was lost as a whole says so itself.
        let mut series = antenna("airport-west").series;
        for (step, point) in series.points.iter_mut().enumerate() {
            point.measures.success_rate = Some(if step == 4 { 0.0 } else { 0.999 });
            (point.antennas_down, point.worst_status) = (0, Some(Status::Healthy));
            if (3..6).contains(&step) {
                (point.antennas_down, point.worst_status) = (1, Some(Status::Down));
            }
        }
        let charts = smoke(&series);
        assert_eq!(path(&charts.loss, "worst-step"), "M35 8h0M55 8h0");
        assert_eq!(charts.rows[56].cells.last().unwrap(), "Down");
        series.points[3].worst_status = None;
        assert_eq!(smoke(&series).rows[56].cells.last().unwrap(), "–", "analytics does not tell");
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
