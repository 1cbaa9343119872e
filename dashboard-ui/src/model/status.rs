//! What anybody may see of sites: as a page, as a badge, and as a feed. Sites have their public names here, and no others.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use shared::UnixMillis;
use shared::api::{Note, PublicSite, SiteIncident, SiteState};

use super::frame::{Form, Moment};
use super::heat::Strip;
use super::verdict::Level;
use crate::figures::PublicFigures;
use crate::format;
use crate::language::Language;
use crate::query::{BADGE, FEED, Manner, STATUS};

/// Incidents on the page; the feed has all that analytics tells.
const INCIDENTS_SHOWN: usize = 20;

/// Days that were this good or better, and how they are drawn: the worse, the taller. In a box of 10.
const GRADES: [(f64, &str, f64); 4] = [
    (0.999, "heat-well", 5.0),
    (0.99, "heat-fair", 3.5),
    (0.9, "heat-degraded", 2.0),
    (f64::MIN_POSITIVE, "heat-bad", 1.0),
];

/// Days on which nobody was available.
const NEVER: (&str, f64) = ("heat-down", 0.0);

/// Days of which nothing is known have a foot only.
const UNKNOWN: (&str, f64) = ("heat-unknown", 9.0);

/// The page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StatusScreen {
    pub(crate) level: Level,
    /// How all sites are together.
    pub(crate) sentence: &'static str,
    /// When readings were last merged, if ever.
    pub(crate) as_of: Option<Moment>,
    pub(crate) sites: Vec<SiteCard>,
    /// The newest in front.
    pub(crate) incidents: Vec<IncidentItem>,
    pub(crate) feed: String,
}

/// A site on the page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SiteCard {
    pub(crate) name: String,
    pub(crate) level: Level,
    pub(crate) state: &'static str,
    pub(crate) days: Strip,
    /// The first day and the last one.
    pub(crate) ends: Option<[Moment; 2]>,
    /// `99.98 % available`.
    pub(crate) availability: String,
    /// The address of its badge.
    pub(crate) badge: String,
    /// What operators tell of it now, the newest in front.
    pub(crate) notes: Vec<Told>,
}

/// What operators tell everybody, and since when. Who does is not told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) text: String,
    pub(crate) at: Moment,
}

/// An incident of a site on the page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IncidentItem {
    pub(crate) site: String,
    pub(crate) level: Level,
    pub(crate) state: &'static str,
    pub(crate) start: Moment,
    /// `None` while it lasts.
    pub(crate) end: Option<Moment>,
    /// How long it took, or has taken so far.
    pub(crate) lasted: String,
    /// What operators told meanwhile, the newest in front.
    pub(crate) notes: Vec<Told>,
}

const fn level(state: SiteState) -> Level {
    match state {
        SiteState::Down => Level::Bad,
        SiteState::Degraded => Level::Warning,
        SiteState::NoData => Level::Unknown,
        SiteState::Operational => Level::Good,
    }
}

const fn words(state: SiteState, language: Language) -> &'static str {
    match state {
        SiteState::Down => language.text("down", "caído"),
        SiteState::Degraded => language.text("degraded", "degradado"),
        SiteState::NoData => language.text("no data", "sin datos"),
        SiteState::Operational => language.text("operational", "operativo"),
    }
}

/// The page; `public` is what is known, if anything is.
pub(crate) fn status_screen(public: Option<&PublicFigures>, now: UnixMillis, manner: Manner) -> StatusScreen {
    let language = manner.language;
    let sites = public.map_or(&[][..], |public| &public.status.sites);
    // States are in the order of how bad they are.
    let worst = public.and_then(|public| sites.iter().map(|site| public.state_of(site)).min());
    let sentence = match (public, worst) {
        (None, _) => language
            .text("It is not known at present how the sites are", "Ahora no se sabe cómo están los emplazamientos"),
        (Some(_), None) => language.text("No site is public", "Ningún emplazamiento es público"),
        (_, Some(SiteState::Down)) if sites.len() > 1 => {
            language.text("There are sites that are down", "Hay emplazamientos caídos")
        }
        (_, Some(SiteState::Down)) => language.text("The site is down", "El emplazamiento está caído"),
        (_, Some(SiteState::Degraded)) if sites.len() > 1 => {
            language.text("There are sites that are degraded", "Hay emplazamientos degradados")
        }
        (_, Some(SiteState::Degraded)) => language.text("The site is degraded", "El emplazamiento está degradado"),
        (_, Some(SiteState::NoData)) => {
            language.text("There are sites of which nothing is known", "Hay emplazamientos de los que no se sabe nada")
        }
        (_, Some(SiteState::Operational)) => {
            language.text("All sites operational", "Todos los emplazamientos, operativos")
        }
    };
    let days = public.map_or(&[][..], |public| &public.status.days);
    let card = |public: &PublicFigures, site: &PublicSite| {
        let state = public.state_of(site);
        SiteCard {
            name: site.name.clone(),
            level: level(state),
            state: words(state, language),
            days: strip(&site.daily_availability, language),
            ends: days.first().zip(days.last()).map(|(first, last)| {
                let has_year = format::year(*first) != format::year(*last);
                [first, last].map(|day| Moment::new(*day, Form::Date { has_year }, language))
            }),
            availability: available(site.availability, language),
            badge: manner.href(BADGE, &[("site", &site.name)]),
            notes: public.notes_within(&site.name, now, now).map(|note| told(note, now, language)).collect(),
        }
    };
    let incidents = public.map_or(&[][..], |public| &public.status.incidents);
    StatusScreen {
        level: if public.is_none() { Level::Unknown } else { worst.map_or(Level::Unknown, level) },
        sentence,
        as_of: public.and_then(|public| public.status.as_of).map(|as_of| Moment::day(as_of, now, language)),
        sites: public.map_or_else(Vec::new, |public| sites.iter().map(|site| card(public, site)).collect()),
        incidents: public.map_or_else(Vec::new, |public| {
            incidents.iter().take(INCIDENTS_SHOWN).map(|it| item(public, it, now, language)).collect()
        }),
        feed: manner.href_of(FEED),
    }
}

fn told(note: &Note, now: UnixMillis, language: Language) -> Told {
    Told { text: note.text.clone(), at: Moment::day(note.at, now, language) }
}

fn item(public: &PublicFigures, incident: &SiteIncident, now: UnixMillis, language: Language) -> IncidentItem {
    let until = incident.end.unwrap_or(now);
    IncidentItem {
        site: incident.site.clone(),
        level: level(incident.state),
        state: words(incident.state, language),
        start: Moment::day(incident.start, now, language),
        end: incident.end.map(|end| Moment::day(end, now, language)),
        lasted: language.duration(UnixMillis(until.0 - incident.start.0).seconds()),
        notes: public
            .notes_within(&incident.site, incident.start, until)
            .map(|note| told(note, now, language))
            .collect(),
    }
}

fn available(availability: Option<f64>, language: Language) -> String {
    match (availability, language) {
        (None, _) => language.text("no data", "sin datos").to_owned(),
        (known, Language::English) => format!("{} available", language.percent(known)),
        (known, Language::Spanish) => format!("{} disponible", language.percent(known)),
    }
}

/// A bar a day.
fn strip(days: &[Option<f64>], language: Language) -> Strip {
    let grade = |day: &Option<f64>| match day {
        None => UNKNOWN,
        Some(share) => GRADES.iter().find(|(least, ..)| share >= least).map_or(NEVER, |(_, class, top)| (*class, *top)),
    };
    let mut bars: Vec<(&'static str, String)> = Vec::new();
    for (day, (class, top)) in days.iter().map(grade).enumerate() {
        let at = match bars.iter().position(|(known, _)| *known == class) {
            Some(at) => at,
            None => {
                bars.push((class, String::new()));
                bars.len() - 1
            }
        };
        // A string takes whatever is written.
        let _written = write!(bars[at].1, "M{} 10V{top}h.72V10z", day as f64 + 0.14);
    }
    let number = |is: &dyn Fn(f64) -> bool| days.iter().flatten().filter(|share| is(**share)).count() as u64;
    let (bad, unknown) = (number(&|share| share < GRADES[0].0), days.len() - days.iter().flatten().count());
    let all = language.plural(days.len() as u64, ["day", "days"], ["día", "días"]);
    let description = match language {
        Language::English => format!("{all}: {bad} with less than 99.9 %, {unknown} without data"),
        Language::Spanish => format!("{all}: {bad} con menos del 99,9 %, {unknown} sin datos"),
    };
    Strip { width: days.len(), bars, description }
}

/// A picture that says how a site is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Badge {
    label: String,
    state: &'static str,
    level: Level,
    /// Whether there is such a site.
    pub(crate) is_of_a_site: bool,
}

impl Badge {
    /// That of a site with a public name, which may be none; what is not known at all is told as that.
    pub(crate) fn of(public: Option<&PublicFigures>, name: &str, language: Language) -> Self {
        let site = public.and_then(|public| Some((public, public.status.sites.iter().find(|site| site.name == name)?)));
        let state = site.map_or(SiteState::NoData, |(public, site)| public.state_of(site));
        let label = site.map_or_else(|| language.text("status", "estado").to_owned(), |(_, site)| site.name.clone());
        Self {
            label,
            state: words(state, language),
            level: level(state),
            is_of_a_site: public.is_none() || site.is_some(),
        }
    }

    /// As SVG, flat, in two parts as wide as their texts.
    pub(crate) fn picture(&self) -> String {
        const PADDING: f64 = 6.0;
        // White on each of them has a contrast of 4.5 at least.
        let colour = match self.level {
            Level::Good => "#1b7f5f",
            Level::Warning => "#94590c",
            Level::Bad => "#b3151d",
            Level::Unknown => "#5f6b80",
        };
        let (label, state) = (escaped(&self.label), self.state);
        let (of_label, of_state) = (width(&self.label), width(state));
        let (left, right) = (of_label + 2.0 * PADDING, of_state + 2.0 * PADDING);
        let (all, middle, behind) = (left + right, left / 2.0, left + right / 2.0);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all:.1}\" height=\"20\" role=\"img\" aria-label=\"{label}: {state}\">\
             <title>{label}: {state}</title>\
             <clipPath id=\"r\"><rect width=\"{all:.1}\" height=\"20\" rx=\"3\"/></clipPath>\
             <g clip-path=\"url(#r)\"><rect width=\"{left:.1}\" height=\"20\" fill=\"#454c5a\"/>\
             <rect x=\"{left:.1}\" width=\"{right:.1}\" height=\"20\" fill=\"{colour}\"/></g>\
             <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,Geneva,DejaVu Sans,sans-serif\" font-size=\"11\">\
             <text x=\"{middle:.1}\" y=\"14\" textLength=\"{of_label:.1}\" lengthAdjust=\"spacingAndGlyphs\">{label}</text>\
             <text x=\"{behind:.1}\" y=\"14\" textLength=\"{of_state:.1}\" lengthAdjust=\"spacingAndGlyphs\">{state}</text>\
             </g></svg>"
        )
    }
}

/// How wide a text is in pixels, in Verdana at 11 px. Its letters are measured in 2048ths of the size; those that are not in ASCII are
/// taken for an n, or in the scripts of the far east for a square.
fn width(text: &str) -> f64 {
    let of = |letter: char| match letter {
        'i' | 'l' | '\'' => 562,
        ' ' | 'f' | 'j' | ',' | '.' => 730,
        't' | '!' | 'I' | 'r' | '|' | '(' | ')' | '[' | ']' | '-' | '/' | ':' | ';' | 'J' | '"' => 900,
        'c' | 's' | 'z' | 'L' | 'F' | '?' => 1120,
        'a' | 'e' | 'k' | 'v' | 'x' | 'y' | 'P' | 'E' | 'T' | 'Y' => 1245,
        'm' | '@' => 2000,
        'w' | 'M' | 'O' | 'Q' | 'D' | 'G' | 'N' | 'H' | 'U' | '&' | '#' | '+' | '<' | '>' | '=' | '~' => 1620,
        'W' | '%' => 2110,
        'A'..='Z' => 1410,
        '\u{1100}'.. => 2048,
        _ => 1296,
    };
    f64::from(text.chars().map(of).sum::<i32>()) * 11.0 / 2048.0
}

/// The incidents of public sites as an Atom feed (RFC 4287), the newest in front. `host` is the one that was asked: the feed of each has an
/// id of its own, and an entry has the same in all of them.
pub(crate) fn feed(public: &PublicFigures, host: &str, now: UnixMillis, manner: Manner) -> String {
    let language = manner.language;
    let incidents = &public.status.incidents;
    // A note that came later is news of it.
    let changed = |it: &SiteIncident| {
        let notes = public.notes_within(&it.site, it.start, it.end.unwrap_or(now));
        notes.map(|note| note.at).chain([it.end.unwrap_or(it.start)]).fold(it.start, UnixMillis::max)
    };
    // Without incidents, it has been the same since these days began.
    let since = public.status.days.first().copied().unwrap_or(UnixMillis(0));
    let updated = incidents.iter().map(changed).max().unwrap_or(since);
    let title = language.text("Status", "Estado");
    let (page, itself) = (escaped(&manner.href_of(STATUS)), escaped(&manner.href_of(FEED)));
    let id = uuid(&["feed", host, &manner.base.to_string(), language.code()]);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{}\">\n\
         <id>{id}</id>\n<title>{title}</title>\n<updated>{updated}</updated>\n<author><name>Vigía</name></author>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{itself}\"/>\n<link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n",
        language.code(),
    );
    for incident in incidents {
        let IncidentItem { site, state, start, end, lasted, notes, .. } = item(public, incident, now, language);
        let site = escaped(&site);
        let id = uuid(&["incident", &incident.site, &incident.start.0.to_string()]);
        let told = match (end, language) {
            (Some(end), Language::English) => format!("From {} to {} UTC ({lasted}).", start.text, end.text),
            (Some(end), Language::Spanish) => format!("Desde {} hasta {} UTC ({lasted}).", start.text, end.text),
            // How long is not told while it lasts: the entry would be another one each time.
            (None, Language::English) => format!("Since {} UTC.", start.text),
            (None, Language::Spanish) => format!("Desde {} UTC.", start.text),
        };
        // A string takes whatever is written.
        let _written = write!(
            text,
            "<entry>\n<id>{id}</id>\n<title>{site}: {state}</title>\n<published>{}</published>\n<updated>{}</updated>\n\
             <link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n<content type=\"text\">{}</content>\n</entry>\n",
            incident.start,
            changed(incident),
            escaped(&notes.into_iter().map(|note| note.text).chain([told]).collect::<Vec<_>>().join("\n")),
        );
    }
    text + "</feed>\n"
}

/// An id that follows from some texts and from nothing else (RFC 9562, version 8).
fn uuid(parts: &[&str]) -> String {
    // As JSON, no text can look like two.
    let hash = digest(&SHA256, serde_json::json!(["vigia", parts]).to_string().as_bytes());
    let bits = u128::from_be_bytes(hash.as_ref().first_chunk().copied().unwrap_or_default());
    let (version, variant) = ((0xf_u128, 8_u128, 76_u32), (0x3_u128, 2_u128, 62_u32));
    let marked = [version, variant].iter().fold(bits, |bits, (mask, mark, at)| bits & !(mask << at) | mark << at);
    let hex = format!("{marked:032x}");
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A text as it may stand in XML, in an element as in an attribute. What XML has no place for is left out.
fn escaped(text: &str) -> String {
    let is_allowed =
        |c: &char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(is_allowed).fold(String::with_capacity(text.len()), |mut all, letter| {
        match letter {
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            '"' => all.push_str("&quot;"),
            '\'' => all.push_str("&#39;"),
            letter => all.push(letter),
        }
        all
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use shared::api::PublicStatus;

    use super::*;

    const NOW: UnixMillis = crate::model::tests::NOW;
    const DAY_MS: i64 = 86_400_000;

    /// Two sites over three days, one of which is down and has been for an hour.
    pub(crate) fn figures(name: &str) -> PublicFigures {
        let today = NOW.0 - NOW.0.rem_euclid(DAY_MS);
        let site = |name: &str, state, last| PublicSite {
            name: name.to_owned(),
            state,
            daily_availability: vec![None, Some(1.0), last],
            availability: last,
        };
        let incident = |start: i64, end: Option<i64>, state| SiteIncident {
            site: name.to_owned(),
            state,
            start: UnixMillis(NOW.0 - start),
            end: end.map(|end| UnixMillis(NOW.0 - end)),
        };
        let status = PublicStatus {
            days: [2, 1, 0].map(|day| UnixMillis(today - day * DAY_MS)).to_vec(),
            sites: vec![site("Hill", SiteState::Operational, Some(0.9995)), site(name, SiteState::Down, Some(0.5))],
            incidents: vec![
                incident(3_600_000, None, SiteState::Down),
                incident(90_000_000, Some(86_400_000), SiteState::Degraded),
            ],
            as_of: Some(NOW),
            gaps: Vec::new(),
            partitions_missing: Vec::new(),
        };
        PublicFigures { status, notes: Vec::new(), is_current: true }
    }

    #[test]
    fn a_page_is_as_bad_as_its_worst_site_and_what_is_of_the_past_is_not_known() {
        let (figures, manner) = (figures("North"), Manner::from(Language::English));
        let screen = status_screen(Some(&figures), NOW, manner);
        assert_eq!((screen.level, screen.sentence), (Level::Bad, "There are sites that are down"));
        let states: Vec<_> = screen.sites.iter().map(|site| (site.state, site.level)).collect();
        assert_eq!(states, [("operational", Level::Good), ("down", Level::Bad)]);
        assert_eq!(screen.sites[0].days.description, "3 days: 0 with less than 99.9 %, 1 without data");
        let classes: Vec<_> = screen.sites[1].days.bars.iter().map(|(class, _)| *class).collect();
        assert_eq!(classes, ["heat-unknown", "heat-well", "heat-bad"]);
        assert_eq!((screen.incidents[0].end.as_ref(), &*screen.incidents[0].lasted), (None, "1 h"));
        let stale = PublicFigures { is_current: false, ..figures };
        let screen = status_screen(Some(&stale), NOW, manner);
        assert_eq!(screen.level, Level::Unknown);
        assert!(screen.sites.iter().all(|site| site.state == "no data"), "never operational");
        let nothing = status_screen(None, NOW, manner);
        assert!(nothing.level == Level::Unknown && nothing.sites.is_empty());
    }

    #[test]
    fn a_badge_says_how_its_site_is_and_nothing_of_others() {
        let figures = figures("North & <coast>");
        let badge = Badge::of(Some(&figures), "North & <coast>", Language::Spanish).picture();
        assert!(
            badge.contains("aria-label=\"North &amp; &lt;coast&gt;: caído\"") && badge.contains("#b3151d"),
            "{badge}"
        );
        let none = Badge::of(Some(&figures), "secret-site", Language::English);
        assert!(!none.is_of_a_site && none.picture().contains("status: no data"));
        assert!(!none.picture().contains("secret"), "what was asked for is not repeated");
        assert!(Badge::of(None, "North", Language::English).is_of_a_site, "nobody knows");
        assert!(width("WWWW") > width("mmmm") && width("iiii") < width("nnnn") && width("雷达") > width("ni"));
    }

    #[test]
    fn an_entry_keeps_its_id_while_its_incident_goes_on_and_ends() {
        let (open, manner) = (figures("North"), Manner::from(Language::English));
        let mut over = open.clone();
        over.status.incidents[0].end = Some(NOW);
        let ids = |feed: &str| feed.split("<id>").skip(1).map(|rest| rest[..45].to_owned()).collect::<Vec<_>>();
        let [first, second] = [&open, &over].map(|figures| feed(figures, "a.test", NOW, manner));
        assert_eq!(ids(&first), ids(&second));
        assert_eq!(ids(&first).len(), 3);
        assert!(ids(&first).iter().all(|id| id.starts_with("urn:uuid:") && id.as_bytes()[23] == b'8'), "{first}");
        let elsewhere = feed(&open, "b.test", NOW, manner);
        assert_ne!(ids(&first)[0], ids(&elsewhere)[0]);
        assert_eq!(ids(&first)[1..], ids(&elsewhere)[1..]);
        assert!(second.contains(&format!("<updated>{NOW}</updated>")), "{second}");
        let later = feed(&open, "a.test", UnixMillis(NOW.0 + 60_000), manner);
        assert_eq!(first, later, "nothing has changed");
    }

    #[test]
    fn a_note_stands_beside_its_site_and_beside_the_incidents_of_its_time() {
        let (mut figures, manner) = (figures("North"), Manner::from(Language::English));
        let before = feed(&figures, "a.test", NOW, manner);
        let note = |site: &str, at_ms: i64, until_ms: i64, text: &str| Note {
            id: text.to_owned(),
            site: site.to_owned(),
            text: text.to_owned(),
            at: UnixMillis(NOW.0 + at_ms),
            until: UnixMillis(NOW.0 + until_ms),
            by: "secret-operator".to_owned(),
        };
        figures.notes = vec![
            note("North", -60_000, 60_000, "Crews are on <site>"),
            note("North", -88_000_000, -87_000_000, "Work on the mast"),
            note("North", -3_000_000_000, -2_000_000_000, "Long ago"),
            note("Hill", -60_000, 60_000, "Of the hill"),
        ];
        let screen = status_screen(Some(&figures), NOW, manner);
        let texts = |notes: &[Told]| notes.iter().map(|note| note.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&screen.sites[0].notes), ["Of the hill"]);
        assert_eq!(texts(&screen.sites[1].notes), ["Crews are on <site>"]);
        assert_eq!(texts(&screen.incidents[0].notes), ["Crews are on <site>"]);
        assert_eq!(texts(&screen.incidents[1].notes), ["Work on the mast"]);
        let feed = feed(&figures, "a.test", NOW, manner);
        assert!(
            feed.contains("Crews are on &lt;site&gt;") && !feed.contains("secret") && !feed.contains("hill"),
            "{feed}"
        );
        let updated = format!("<updated>{}</updated>", UnixMillis(NOW.0 - 60_000));
        assert_eq!((feed.matches(&updated).count(), before.matches(&updated).count()), (2, 0), "{feed}");
    }

    proptest! {
        /// Whatever a site is called, markup is what was written here.
        #[test]
        fn hostile_names_stay_text(name in "[<>&\"'a\\]\\[!\u{0}-\u{1f}\u{fffe}\u{202e}ñ雷-]{1,40}") {
            let (figures, manner) = (figures(&name), Manner::from(Language::English));
            let (plain, hostile) = (self::figures("North"), figures);
            let tags = |text: &str| text.matches(['<', '>']).count();
            let quotes = |text: &str| text.matches('"').count();
            let feeds = [&plain, &hostile].map(|figures| feed(figures, "a.test", NOW, manner));
            prop_assert_eq!(tags(&feeds[0]), tags(&feeds[1]));
            prop_assert_eq!(quotes(&feeds[0]), quotes(&feeds[1]));
            let badges = [("North", &plain), (&*name, &hostile)]
                .map(|(name, figures)| Badge::of(Some(figures), name, Language::English).picture());
            prop_assert_eq!(tags(&badges[0]), tags(&badges[1]));
            prop_assert_eq!(quotes(&badges[0]), quotes(&badges[1]));
            let is_allowed = |c: char| c >= ' ' || c == '\n' || c == '\t' || c == '\r';
            let are_allowed = feeds[1].chars().chain(badges[1].chars()).all(|c| is_allowed(c) && c != '\u{fffe}');
            prop_assert!(are_allowed, "{}", feeds[1]);
        }
    }
}
