//! Days as a calendar, and the report of a month.

use shared::UnixMillis;
use shared::api::{Incident, IncidentKind, Point, Series};
use shared::spelled::Spelled;

use super::heat::Heat;
use super::incidents::kind_label;
use super::rows::antenna_line;
use super::{AntennaLine, Frame, Scene};
use crate::figures::{MonthFigures, ReportFigures};
use crate::format;
use crate::language::Language;
use crate::query::{Month, Page, Range};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const DAY_S: u32 = 24 * 60 * 60;
const WEEK: usize = 7;

/// The most months on offer.
const MOST_MONTHS: u32 = 24;

/// Days of one or some months.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReportScreen {
    pub(crate) frame: Frame,
    /// What it is about, for the browser's tab and the heading.
    pub(crate) title: String,
    /// The antenna that it is about, with the address of its page.
    pub(crate) antenna: Option<(String, String)>,
    /// Why there is nothing to show.
    pub(crate) nothing: Option<String>,
    /// The latest months as a calendar, then the reports of months: label, address, whether it is shown.
    pub(crate) months: Vec<(String, String, bool)>,
    pub(crate) calendars: Vec<CalendarMonth>,
    /// What else there is to tell of the month.
    pub(crate) month: Option<MonthScreen>,
    /// The days as a file.
    pub(crate) csv: String,
}

/// A month of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CalendarMonth {
    pub(crate) name: String,
    /// The report of the month, unless it is what is shown.
    pub(crate) href: Option<String>,
    /// From Monday to Sunday; `None` where the day belongs to another month.
    pub(crate) weeks: Vec<[Option<Square>; WEEK]>,
}

/// A day of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Square {
    /// The day of the month.
    pub(crate) day: u32,
    /// As a CSS class.
    pub(crate) class: &'static str,
    /// The success rate in short.
    pub(crate) figure: String,
    /// The day and its figures in words.
    pub(crate) words: String,
    /// The page over the day; `None` if there is nothing to see.
    pub(crate) href: Option<String>,
}

/// What a report of a month tells besides its days.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MonthScreen {
    /// Label and figure.
    pub(crate) figures: Vec<(&'static str, String)>,
    /// The antennas that lost most packets; `None` if the report is about one.
    pub(crate) worst: Option<Vec<AntennaLine>>,
    /// `None` if analytics keeps no incidents.
    pub(crate) incidents: Option<Vec<IncidentSum>>,
    /// How many more there are than could be counted.
    pub(crate) uncounted: u64,
}

/// The incidents of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IncidentSum {
    pub(crate) kind: &'static str,
    pub(crate) label: &'static str,
    pub(crate) count: String,
    pub(crate) total: String,
    pub(crate) longest: String,
}

pub(super) fn report_screen(figures: &ReportFigures, frame: Frame, scene: &Scene<'_>) -> ReportScreen {
    let (language, address) = (scene.language(), scene.address);
    let (shown, id) = match &address.query.page {
        Page::Report { month, id } => (*month, id.clone()),
        _ => (None, None),
    };
    let known_from = scene.limits.known_from();
    let nothing = nothing(figures, shown, known_from, scene);
    let antenna = id.clone().map(|id| {
        let href = address.with_page(Page::Antenna { id: id.clone() }).href();
        (id, href)
    });
    let so_far = shown.is_some_and(|month| nothing.is_none() && scene.now < month.end());
    let title = match shown {
        None => language.text("Days", "Días").to_owned(),
        Some(month) => {
            let so_far = if so_far { language.text(", so far", ", hasta ahora") } else { "" };
            format!("{} {}{so_far}", language.text("Report:", "Informe:"), language.month(month))
        }
    };
    let days = figures.days.as_ref().filter(|_| nothing.is_none());
    ReportScreen {
        title,
        antenna,
        months: months(shown, id.as_deref(), known_from, scene),
        calendars: days.map(|days| calendars(days, shown, id.as_deref(), scene)).unwrap_or_default(),
        month: figures
            .month
            .as_ref()
            .filter(|_| nothing.is_none())
            .zip(shown)
            .map(|(figures, month)| month_screen(figures, month, scene)),
        csv: address.csv_href(),
        nothing,
        frame,
    }
}

/// Why there is nothing to show.
fn nothing(
    figures: &ReportFigures,
    shown: Option<Month>,
    known_from: Option<UnixMillis>,
    scene: &Scene<'_>,
) -> Option<String> {
    let language = scene.language();
    if scene.limits.history.is_none() {
        let words = language.text(
            "Days are kept where analytics has an archive: its setting ARCHIVE. This one only keeps what is in memory.",
            "Los días se guardan si el análisis tiene un archivo histórico: su ajuste ARCHIVE. Este solo guarda lo que hay en memoria.",
        );
        return Some(words.to_owned());
    }
    let Some(known_from) = known_from else {
        return Some(language.text("Nothing is kept yet.", "Aún no se guarda nada.").to_owned());
    };
    if let Some(month) = shown.filter(|month| month.start() > scene.now) {
        let name = language.month(month);
        return Some(match language {
            Language::English => format!("{name} has not begun."),
            Language::Spanish => format!("{name} no ha empezado."),
        });
    }
    let is_before = shown.is_some_and(|month| month.end() <= known_from);
    (is_before || figures.days.is_none()).then(|| {
        let from = whole_date(known_from, language);
        match language {
            Language::English => format!("Nothing is kept of this time: history begins on {from} (UTC)."),
            Language::Spanish => format!("No se guarda nada de ese tiempo: el historial empieza el {from} (UTC)."),
        }
    })
}

/// The calendar, and the reports of the months that are kept, newest first.
fn months(
    shown: Option<Month>,
    id: Option<&str>,
    known_from: Option<UnixMillis>,
    scene: &Scene<'_>,
) -> Vec<(String, String, bool)> {
    let (language, has_archive) = (scene.language(), scene.limits.history.is_some());
    let (Some(current), Some(first)) = (Month::of(scene.now), known_from.filter(|_| has_archive).and_then(Month::of))
    else {
        return Vec::new();
    };
    let link = |month: Option<Month>, label: String| {
        (label, scene.address.with_page(Page::Report { month, id: id.map(str::to_owned) }).href(), month == shown)
    };
    let calendar = link(None, language.text("Calendar", "Calendario").to_owned());
    let kept = (0..MOST_MONTHS).map(|back| current.earlier(back)).take_while(|month| *month >= first);
    std::iter::once(calendar).chain(kept.map(|month| link(Some(month), language.month(month)))).collect()
}

fn calendars(days: &Series, shown: Option<Month>, id: Option<&str>, scene: &Scene<'_>) -> Vec<CalendarMonth> {
    let (Some(first), Some(last)) = (Month::of(days.window.start), Month::of(UnixMillis(days.window.end.0 - 1))) else {
        return Vec::new();
    };
    let all = (0..).map(|later| first.later(later)).take_while(|month| *month <= last);
    all.map(|month| calendar_month(days, month, shown, id, scene)).collect()
}

fn calendar_month(
    days: &Series,
    month: Month,
    shown: Option<Month>,
    id: Option<&str>,
    scene: &Scene<'_>,
) -> CalendarMonth {
    let mut weeks: Vec<[Option<Square>; WEEK]> = Vec::new();
    let length = (month.end().0 - month.start().0) / DAY_MS;
    for (place, day) in (month.first_weekday()..).zip(1..).take(usize::try_from(length).unwrap_or_default()) {
        if place / WEEK >= weeks.len() {
            weeks.push(Default::default());
        }
        let start = UnixMillis(month.start().0 + i64::from(day - 1) * DAY_MS);
        if let Some(week) = weeks.last_mut() {
            week[place % WEEK] = Some(square(days, day, start, id, scene));
        }
    }
    let page = Page::Report { month: Some(month), id: id.map(str::to_owned) };
    let href = (shown != Some(month)).then(|| scene.address.with_page(page).href());
    CalendarMonth { name: scene.language().month(month), href, weeks }
}

fn square(days: &Series, day: u32, start: UnixMillis, id: Option<&str>, scene: &Scene<'_>) -> Square {
    let language = scene.language();
    let end = UnixMillis(start.0 + DAY_MS);
    let date = whole_date(start, language);
    let without = |class, figure: &str, words: &str| Square {
        day,
        class,
        figure: figure.to_owned(),
        words: format!("{date}: {words}"),
        href: None,
    };
    if start > scene.now {
        return without("is-to-come", "", language.text("to come", "por venir"));
    }
    if scene.limits.known_from().is_some_and(|from| end <= from) {
        return without("is-before", "", language.text("before history begins", "antes de que empiece el historial"));
    }
    let is_gap = days.gaps.iter().any(|gap| gap.start < end && start < gap.end);
    let point = days.points.iter().find(|point| point.start == start).filter(|point| point.measures.readings > 0);
    let Some(point) = point else {
        return if is_gap {
            without("is-unread", "?", language.text("could not be read", "no se pudo leer"))
        } else {
            without("is-empty", format::UNKNOWN, language.text("no reading", "ninguna lectura"))
        };
    };
    let is_today = scene.now < end;
    let page = match id {
        Some(id) => Page::Antenna { id: id.to_owned() },
        None => Page::default(),
    };
    let range = Range { window: DAY_S, end: (!is_today).then_some(end) };
    let heat = Heat::judge(
        point.measures.readings,
        point.measures.packets_sent,
        point.measures.packets_lost,
        None,
        &scene.limits,
    );
    let mut words = format!("{date}: {}", day_words(point, id.is_none(), language));
    if is_gap {
        words += language.text("; a part could not be read", "; una parte no se pudo leer");
    }
    if is_today {
        words += language.text("; so far", "; hasta ahora");
    }
    Square {
        day,
        class: if is_gap { "is-unread" } else { heat.class() },
        figure: point
            .measures
            .success_rate
            .map_or_else(|| format::UNKNOWN.to_owned(), |rate| language.percent_number(rate)),
        words,
        href: Some(scene.address.with_page(page).with_range(range).href()),
    }
}

fn day_words(point: &Point, is_of_network: bool, language: Language) -> String {
    let measures = &point.measures;
    let mut words = match language {
        Language::English => format!(
            "success rate {}, {} of {} packets lost, mean latency {}",
            language.percent(measures.success_rate),
            format::count(measures.packets_lost),
            format::count(measures.packets_sent),
            language.latency(measures.latency_ms.mean),
        ),
        Language::Spanish => format!(
            "tasa de éxito {}, {} de {} paquetes perdidos, latencia media {}",
            language.percent(measures.success_rate),
            format::count(measures.packets_lost),
            format::count(measures.packets_sent),
            language.latency(measures.latency_ms.mean),
        ),
    };
    if point.antennas_down > 0 && is_of_network {
        let down = language.plural(
            point.antennas_down,
            ["antenna down for a while", "antennas down for a while"],
            ["antena caída un tiempo", "antenas caídas un tiempo"],
        );
        words += &format!(", {down}");
    }
    words
}

fn month_screen(figures: &MonthFigures, month: Month, scene: &Scene<'_>) -> MonthScreen {
    let (language, summary) = (scene.language(), &figures.summary);
    // Lines lead to the antenna in that month.
    let is_over = month.end() <= scene.now;
    let window = u32::try_from((month.end().0.min(scene.now.0) - month.start().0) / 1000).unwrap_or_default();
    let range = Range { window: window / 60 * 60, end: is_over.then(|| month.end()) };
    let address = scene.address.with_range(range);
    let of_month = Scene { address: &address, ..*scene };
    let (measures, availability) = match &figures.antenna {
        Some(row) => (&row.measures, row.availability),
        None => (&summary.measures, summary.availability),
    };
    let counted = |number| format::count_if_known((measures.readings > 0).then_some(number));
    let mut told = vec![
        (language.text("Availability", "Disponibilidad"), language.percent(availability)),
        (language.text("Success rate", "Tasa de éxito"), language.percent(measures.success_rate)),
        (language.text("Packets sent", "Paquetes enviados"), counted(measures.packets_sent)),
        (language.text("Packets lost", "Paquetes perdidos"), counted(measures.packets_lost)),
        (language.text("Mean latency", "Latencia media"), language.latency(measures.latency_ms.mean)),
        (language.text("95th percentile", "Percentil 95"), language.percentile(measures.latency_ms.p95)),
    ];
    if figures.antenna.is_none() && summary.gaps.is_empty() {
        told.push((language.text("Antennas reporting", "Antenas informando"), format::count(summary.antennas.active)));
    }
    let page = figures.incidents.as_ref();
    MonthScreen {
        figures: told,
        worst: figures.worst.as_ref().map(|page| {
            let has_lost = |row: &&shared::api::AntennaRow| row.measures.packets_lost > 0;
            page.antennas.iter().filter(has_lost).map(|row| antenna_line(row, &of_month)).collect()
        }),
        incidents: page.map(|page| {
            let of = |kind| incident_sum(&page.incidents, kind, month, scene);
            IncidentKind::ALL.iter().copied().map(of).collect()
        }),
        uncounted: page.map_or(0, |page| page.total.saturating_sub(page.incidents.len() as u64)),
    }
}

/// The incidents of a kind, as far as they lie in the month.
fn incident_sum(incidents: &[Incident], kind: IncidentKind, month: Month, scene: &Scene<'_>) -> IncidentSum {
    let language = scene.language();
    let end = month.end().min(scene.now);
    let lengths_ms = incidents.iter().filter(|incident| incident.kind == kind).map(|incident| {
        let until = incident.end.map_or(end, |at| at.min(end));
        (until.0 - incident.start.max(month.start()).0).max(0)
    });
    let lengths_ms: Vec<i64> = lengths_ms.collect();
    let duration = |length_ms: Option<i64>| {
        length_ms.map_or_else(|| format::UNKNOWN.to_owned(), |length_ms| language.duration(length_ms as f64 / 1000.0))
    };
    IncidentSum {
        kind: kind.spelling(),
        label: kind_label(kind, language),
        count: format::count(lengths_ms.len() as u64),
        total: duration((!lengths_ms.is_empty()).then(|| lengths_ms.iter().sum())),
        longest: duration(lengths_ms.iter().max().copied()),
    }
}

/// `24 Nov 2026`.
fn whole_date(at: UnixMillis, language: Language) -> String {
    let year = Month::of(at).map_or_else(String::new, |month| format!(" {}", month.year()));
    format!("{}{year}", language.date(at))
}
