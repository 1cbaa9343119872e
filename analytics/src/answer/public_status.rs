//! What a status page may show to anybody: sites under their public names, how they are, their days and their incidents.
//!
//! A site's state follows from how many of its antennas are in trouble, and so do its incidents, from the same sweep over time: antennas
//! come and go, and their incidents begin and end. Its present state is the last one of the sweep, so no site is operational beside
//! an incident of it that lasts. Nothing of the answer names anything by another name than a public one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{
    End, IncidentKind, PublicSite, PublicStatus, PublicStatusRequest, STATUS_INCIDENTS, SiteIncident, SiteState,
};

use super::network::observed_in;
use super::{AnswerError, Question, Table, View, Window, incidents, rows};
use crate::archive::rows::Part;
use crate::readings::Slot;
use crate::store::archived::DAY_MS;
use crate::store::expressions::answer::{ANTENNA_ID, AVAILABILITY, FIRST_EVENT, LEFT, OBSERVED_MS, START};
use crate::store::expressions::column::{ANTENNA, AVAILABLE_MS, PANE, READINGS};
use crate::store::expressions::{availability, available_ms, time};
use crate::store::grid::Grid;
use crate::store::partials::{Keys, roll_up_cells};
use crate::store::whole::{cells_of, networks};

/// The name under which a site is public, text.
const PUBLIC: &str = "site";
/// A moment at which something changes at a site, milliseconds since the epoch.
const AT: &str = "at";
/// How many antennas a site has, i64; in a row of a change, how many more or less.
const ANTENNAS: &str = "antennas";
/// How many of them are down or silent, likewise.
const DOWN: &str = "down";
/// How many of them are down, silent or degraded, likewise.
const TROUBLED: &str = "troubled";
/// The position of the state in [`SiteState::ALL`], u32.
const STATE: &str = "state";
/// Which run of states that are not operational a row belongs to.
const RUN: &str = "run";

/// Days of UTC.
const DAYS: Grid = Grid { origin_ms: 0, width_ms: DAY_MS };

impl Question for PublicStatusRequest {
    fn answer(&self, view: &View<'_>) -> Result<PublicStatus, AnswerError> {
        let window = last_days(view, self.days.get());
        let days = view.over(window);
        let antennas = days.public_antennas()?;
        let changes = days.changes_of_sites(&antennas)?;
        let incidents = incidents_of_sites(changes.clone().lazy(), window.start_ms)?.collect()?;
        let states = states(&changes, view)?;
        let starts: Vec<i64> = window.step_starts(DAYS).collect();
        let (by_day, over_all) = days.availability_of_sites(&antennas)?;
        let (by_day, over_all) = (numbers_by_day(&by_day)?, numbers(&over_all)?);
        let site = |name: &Arc<str>| PublicSite {
            name: name.to_string(),
            state: states.get(&**name).copied().unwrap_or(SiteState::NoData),
            daily_availability: starts
                .iter()
                .map(|start| by_day.get(&(name.to_string(), *start)).copied().flatten())
                .collect(),
            availability: over_all.get(&**name).copied().flatten(),
        };
        let sites = view.public_names().map(site).collect();
        view.note_gaps_of(&days);
        Ok(PublicStatus {
            days: starts.iter().copied().map(UnixMillis).collect(),
            sites,
            incidents: site_incidents(&incidents)?,
            as_of: view.whole.as_of,
            gaps: view.gaps(),
            partitions_missing: view.partitions_missing(),
        })
    }

    /// A row for each site and day of which something can be said.
    fn table(&self, view: &View<'_>) -> Result<Table, AnswerError> {
        let days = view.over(last_days(view, self.days.get()));
        let (by_day, _) = days.availability_of_sites(&days.public_antennas()?)?;
        view.note_gaps_of(&days);
        let columns = [col(PUBLIC), col(PANE).alias(START), col(AVAILABILITY)];
        Ok(by_day.lazy().select(columns).with_column(time(START)).collect()?.into())
    }
}

/// So many days, the last of which is that of the present.
fn last_days(view: &View<'_>, days: usize) -> Window {
    let end_ms = DAYS.floor(view.now_ms) + DAY_MS;
    let length_ms = i64::try_from(days).unwrap_or(i64::MAX / DAY_MS).saturating_mul(DAY_MS);
    Window::new(view.whole, length_ms, End::At(UnixMillis(end_ms)), UnixMillis(view.now_ms))
}

impl View<'_> {
    fn public_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.registry.into_iter().flat_map(|registry| registry.public())
    }

    /// The antennas that the window is about and that are at a public site, with its name.
    fn public_antennas(&self) -> PolarsResult<DataFrame> {
        let named = self.with_public(self.known()?.clone())?;
        named.lazy().filter(col(PUBLIC).is_not_null()).collect()
    }

    /// A table of antennas with the public names of their sites; null where a site has none.
    fn with_public(&self, antennas: DataFrame) -> PolarsResult<DataFrame> {
        let public =
            |id: Option<&str>| self.registry.and_then(|registry| registry.of(id.unwrap_or_default()).public.clone());
        let names: Vec<Option<Arc<str>>> = antennas.column(ANTENNA_ID)?.str()?.iter().map(public).collect();
        let names: Vec<Option<&str>> = names.iter().map(Option::as_deref).collect();
        let mut named = antennas;
        named.with_column(Column::new(PUBLIC.into(), names))?;
        Ok(named)
    }

    /// How sites were from each moment on at which that may have changed, by site and moment.
    fn changes_of_sites(&self, antennas: &DataFrame) -> PolarsResult<DataFrame> {
        let incidents = incidents::table(self, &self.archived_incidents(self.range()), self.now_ms)?;
        let incidents = self.with_public(incidents)?.lazy().filter(col(PUBLIC).is_not_null());
        changes(&antennas.clone().lazy(), &incidents)?.collect()
    }

    /// The availability of sites by day, of those days of which something can be said, and over all of these.
    fn availability_of_sites(&self, antennas: &DataFrame) -> PolarsResult<(DataFrame, DataFrame)> {
        let mut slots: Vec<Slot> = antennas.column(ANTENNA)?.u32()?.iter().flatten().collect();
        slots.sort_unstable();
        slots.dedup();
        let in_memory = cells_of(&self.parts(DAYS), &slots)?;
        // Where no site is public, no file need be read.
        let archived = match slots.is_empty() {
            true => None,
            false => self.archived_table(self.range(), Some(DAYS), Some(&slots), Part::Cells)?,
        };
        let by_antenna = Keys { pane: Some(DAYS), antenna: true };
        let cells = roll_up_cells(&std::iter::once(&in_memory).chain(&archived).collect::<Vec<_>>(), by_antenna)?;
        let known_days = Series::new(PANE.into(), self.days_of_which_something_is_known()?);
        let day = |start: i64| antennas.clone().lazy().with_column(lit(start).alias(PANE));
        let days: Vec<LazyFrame> = self.window.step_starts(DAYS).map(day).collect();
        let observed = observed_in(self, [col(PANE), col(PANE) + lit(DAY_MS)]);
        let by_day = concat(days, UnionArgs::default())?
            .filter(col(PANE).is_in(lit(known_days).implode(true), false))
            .join(
                cells.lazy().select([col(PANE), col(ANTENNA), col(AVAILABLE_MS)]),
                [col(PANE), col(ANTENNA)],
                [col(PANE), col(ANTENNA)],
                JoinArgs::new(JoinType::Left),
            )
            .with_column(col(AVAILABLE_MS).fill_null(lit(0_u64)))
            .with_column(observed.alias(OBSERVED_MS))
            .with_column(available_ms().alias(AVAILABLE_MS))
            .select([PUBLIC, PANE, AVAILABLE_MS, OBSERVED_MS].map(col))
            .collect()?
            .lazy();
        let share = || availability(col(AVAILABLE_MS).sum(), col(OBSERVED_MS).sum()).alias(AVAILABILITY);
        Ok((
            by_day.clone().group_by_stable([col(PUBLIC), col(PANE)]).agg([share()]).collect()?,
            by_day.group_by_stable([col(PUBLIC)]).agg([share()]).collect()?,
        ))
    }

    /// The starts of days in which something was counted, of any antenna, and of which nothing is missing: where all fell silent
    /// for a whole day, it was not the antennas that were away.
    fn days_of_which_something_is_known(&self) -> PolarsResult<Vec<i64>> {
        if !self.whole.missing().is_empty() {
            return Ok(Vec::new());
        }
        let (parts, archived) = (self.parts(DAYS), self.archived_network(self.range(), Some(DAYS))?);
        let in_memory = networks(&parts, self.whole.grid)?;
        let tables: Vec<&DataFrame> = in_memory.into_iter().chain(&archived).map(|partials| &partials.cells).collect();
        let counted = roll_up_cells(&tables, Keys { pane: Some(DAYS), antenna: false })?;
        let counted = counted.lazy().filter(col(READINGS).gt(lit(0_u64))).select([col(PANE)]).collect()?;
        let gaps = self.gaps();
        let is_whole = |start: &i64| !gaps.iter().any(|gap| gap.start.0 < start + DAY_MS && gap.end.0 > *start);
        Ok(counted.column(PANE)?.i64()?.iter().flatten().filter(is_whole).collect())
    }
}

/// See [`View::changes_of_sites`]. Of antennas, when they were first heard of and when they left are taken; of incidents, all that they
/// are about: an antenna with two of them at a time is one antenna.
fn changes(antennas: &LazyFrame, incidents: &LazyFrame) -> PolarsResult<LazyFrame> {
    // A number by itself is of a narrower type than what it is put beside.
    let number = |number: i64| lit(number).cast(DataType::Int64);
    let presence = |at: &str, more: i64| {
        let columns = [number(more).alias(ANTENNAS), number(0).alias(DOWN), number(0).alias(TROUBLED)];
        let place = [col(PUBLIC), col(at).alias(AT)];
        antennas.clone().filter(col(at).is_not_null()).select([place.as_slice(), &columns].concat())
    };
    let is_down = || col(incidents::KIND).neq(lit(IncidentKind::Degraded as u32)).cast(DataType::Int64);
    let edge = |at: &str, more: i64| {
        let columns = [(is_down() * number(more)).alias(DOWN), number(more).alias(TROUBLED)];
        let place = [col(PUBLIC), col(ANTENNA_ID), col(at).alias(AT)];
        incidents.clone().filter(col(at).is_not_null()).select([place.as_slice(), &columns].concat())
    };
    let in_order = SortMultipleOptions::default().with_maintain_order(true);
    let edges = concat([edge(START, 1), edge(incidents::END, -1)], UnionArgs::default())?;
    let edges = edges.sort([ANTENNA_ID, AT], in_order.clone());
    let of_antenna = || [col(ANTENNA_ID)];
    let is_any = |name: &str| {
        let open = col(name).cum_sum(false).over(of_antenna())?;
        PolarsResult::Ok(open.gt(number(0)).cast(DataType::Int64).alias(name))
    };
    let more = |name: &str| {
        let before = col(name).shift(lit(1)).over(of_antenna())?.fill_null(number(0));
        PolarsResult::Ok((col(name) - before).alias(name))
    };
    let edges = edges
        .with_columns([is_any(DOWN)?, is_any(TROUBLED)?])
        .with_columns([more(DOWN)?, more(TROUBLED)?])
        .select([col(PUBLIC), col(AT), number(0).alias(ANTENNAS), col(DOWN), col(TROUBLED)]);
    let all = concat([presence(FIRST_EVENT, 1), presence(LEFT, -1), edges], UnionArgs::default())?;
    let counts = [ANTENNAS, DOWN, TROUBLED];
    let up_to_now = |name: &str| col(name).cum_sum(false).over([col(PUBLIC)]);
    let up_to_now = counts.map(up_to_now).into_iter().collect::<PolarsResult<Vec<_>>>()?;
    let moments = all.group_by([col(PUBLIC), col(AT)]).agg(counts.map(|name| col(name).sum()));
    Ok(moments.sort([PUBLIC, AT], in_order).with_columns(up_to_now).with_column(state().alias(STATE)))
}

/// The contract's rule of a site's state, by how many antennas it has and how many of them are down and in trouble. Those in trouble
/// are antennas of it, also where no reading of them is kept any more.
fn state() -> Expr {
    let is_fewer = col(ANTENNAS).lt(col(TROUBLED));
    let antennas = when(is_fewer).then(col(TROUBLED)).otherwise(col(ANTENNAS));
    let position = |state: SiteState| lit(state as u32);
    when(antennas.clone().lt_eq(lit(0_i64)))
        .then(position(SiteState::NoData))
        .when((col(DOWN) * lit(2_i64)).gt(antennas.clone()))
        .then(position(SiteState::Down))
        .when((col(TROUBLED) * lit(10_i64)).gt(antennas))
        .then(position(SiteState::Degraded))
        .otherwise(position(SiteState::Operational))
        .cast(DataType::UInt32)
}

/// The times in which sites were down or degraded without a break, of those that last or end behind a time; newest start first, then by
/// site.
fn incidents_of_sites(changes: LazyFrame, from_ms: i64) -> PolarsResult<LazyFrame> {
    let of_site = || [col(PUBLIC)];
    let is_trouble = || col(STATE).lt_eq(lit(SiteState::Degraded as u32));
    let was_before = is_trouble().shift(lit(1)).over(of_site())?.fill_null(lit(false));
    let begins = is_trouble().and(was_before.not()).cast(DataType::UInt32);
    let until = col(AT).shift(lit(-1)).over(of_site())?;
    let runs = changes
        .with_columns([begins.cum_sum(false).alias(RUN), until.alias(incidents::END)])
        .filter(is_trouble())
        .group_by_stable([col(RUN)])
        .agg([col(PUBLIC).first(), col(STATE).min(), col(AT).first().alias(START), col(incidents::END).last()]);
    let lasts = col(incidents::END).is_null().or(col(incidents::END).gt(lit(from_ms)));
    let by = SortMultipleOptions::default().with_order_descending_multi([true, false]);
    Ok(runs.filter(lasts).sort([START, PUBLIC], by).limit(u32::try_from(STATUS_INCIDENTS).unwrap_or(u32::MAX)))
}

/// How sites are now. What is operational as far as is known may be anything where a partition is missing.
fn states(changes: &DataFrame, view: &View<'_>) -> PolarsResult<HashMap<String, SiteState>> {
    let last = changes.clone().lazy().group_by_stable([col(PUBLIC)]).agg([col(STATE).last()]).collect()?;
    let states = rows::positions(&last, STATE, &SiteState::ALL)?;
    let is_whole = view.whole.missing().is_empty();
    let known = |state| if is_whole || state != SiteState::Operational { state } else { SiteState::NoData };
    let names = rows::texts(&last, PUBLIC)?.into_iter().map(Option::unwrap_or_default);
    Ok(names.zip(states.into_iter().map(known)).collect())
}

fn site_incidents(table: &DataFrame) -> PolarsResult<Vec<SiteIncident>> {
    let states = rows::positions(table, STATE, &SiteState::ALL)?;
    let (starts, ends) = (rows::times(table, START)?, rows::known_times(table, incidents::END)?);
    let incident = |(row, site): (usize, Option<String>)| SiteIncident {
        site: site.unwrap_or_default(),
        state: states[row],
        start: starts[row],
        end: ends[row],
    };
    Ok(rows::texts(table, PUBLIC)?.into_iter().enumerate().map(incident).collect())
}

fn numbers(table: &DataFrame) -> PolarsResult<HashMap<String, Option<f64>>> {
    let names = rows::texts(table, PUBLIC)?.into_iter().map(Option::unwrap_or_default);
    Ok(names.zip(rows::numbers(table, AVAILABILITY)?).collect())
}

fn numbers_by_day(table: &DataFrame) -> PolarsResult<BTreeMap<(String, i64), Option<f64>>> {
    let names = rows::texts(table, PUBLIC)?.into_iter().map(Option::unwrap_or_default);
    let days = rows::times(table, PANE)?.into_iter().map(|day| day.0);
    Ok(names.zip(days).zip(rows::numbers(table, AVAILABILITY)?).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An antenna of a site, and when it was first heard of and left; its incidents: whether it is down in them, start and end.
    type History = (usize, i64, Option<i64>, Vec<(bool, i64, Option<i64>)>);

    const SITES: [&str; 2] = ["North & coast", "South"];

    fn history() -> impl Strategy<Value = History> {
        let end = |start: i64| prop_oneof![Just(None), (1..20_i64).prop_map(move |more| Some(start + more))];
        let incident =
            (any::<bool>(), 0..40_i64).prop_flat_map(move |(down, start)| (Just(down), Just(start), end(start)));
        (0..SITES.len(), 0..30_i64, prop::option::of(30..60_i64), prop::collection::vec(incident, 0..4))
    }

    fn table(histories: &[History]) -> DataFrame {
        let mut antennas: Vec<(String, &str, i64, Option<i64>)> = Vec::new();
        let mut incidents: Vec<(String, &str, u32, i64, Option<i64>)> = Vec::new();
        for (number, (site, first, left, own)) in histories.iter().enumerate() {
            antennas.push((format!("a{number}"), SITES[*site], *first, *left));
            for (is_down, start, end) in own {
                let kind = if *is_down { IncidentKind::Silent } else { IncidentKind::Degraded };
                incidents.push((format!("a{number}"), SITES[*site], kind as u32, *start, *end));
            }
        }
        let antennas = df!(
            PUBLIC => antennas.iter().map(|it| it.1).collect::<Vec<_>>(),
            FIRST_EVENT => antennas.iter().map(|it| it.2).collect::<Vec<_>>(),
            LEFT => antennas.iter().map(|it| it.3).collect::<Vec<_>>(),
        );
        let incidents = df!(
            ANTENNA_ID => incidents.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(),
            PUBLIC => incidents.iter().map(|it| it.1).collect::<Vec<_>>(),
            incidents::KIND => incidents.iter().map(|it| it.2).collect::<Vec<_>>(),
            START => incidents.iter().map(|it| it.3).collect::<Vec<_>>(),
            incidents::END => incidents.iter().map(|it| it.4).collect::<Vec<_>>(),
        );
        let (antennas, incidents) = (antennas.expect("columns").lazy(), incidents.expect("columns").lazy());
        changes(&antennas, &incidents).expect("a plan").collect().expect("a table")
    }

    /// How a site is at a moment, by looking at each of its antennas.
    fn naive(histories: &[History], site: usize, at: i64) -> SiteState {
        let here = || histories.iter().filter(|(of, ..)| *of == site);
        let lasts = |start: i64, end: Option<i64>| start <= at && end.is_none_or(|end| end > at);
        let known = here().filter(|(_, first, left, _)| lasts(*first, *left)).count();
        let open = |(.., own): &&History, only_down: bool| {
            own.iter().any(|(is_down, start, end)| lasts(*start, *end) && (*is_down || !only_down))
        };
        let down = here().filter(|it| open(it, true)).count();
        let troubled = here().filter(|it| open(it, false)).count();
        match known.max(troubled) {
            0 => SiteState::NoData,
            antennas if down * 2 > antennas => SiteState::Down,
            antennas if troubled * 10 > antennas => SiteState::Degraded,
            _ => SiteState::Operational,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The sweep knows at each moment what looking at every antenna tells, and incidents are where that is trouble.
        #[test]
        fn a_site_is_at_each_moment_as_its_antennas_are(histories in prop::collection::vec(history(), 0..12)) {
            let changes = table(&histories);
            let (sites, at) = (rows::texts(&changes, PUBLIC).expect("names"), rows::times(&changes, AT).expect("times"));
            let states = rows::positions(&changes, STATE, &SiteState::ALL).expect("states");
            let incidents = incidents_of_sites(changes.lazy(), i64::MIN).expect("a plan").collect().expect("a table");
            let incidents = site_incidents(&incidents).expect("incidents");
            for (number, site) in SITES.iter().enumerate() {
                for moment in 0..90 {
                    let expected = naive(&histories, number, moment);
                    let rows = sites.iter().zip(&at).zip(&states);
                    let mut of_site = rows.filter(|((name, at), _)| name.as_deref() == Some(*site) && at.0 <= moment);
                    let found = of_site.next_back().map_or(SiteState::NoData, |(_, state)| *state);
                    prop_assert_eq!(found, expected, "{} at {}", site, moment);
                    let covers = |it: &&SiteIncident| {
                        it.site == *site && it.start.0 <= moment && it.end.is_none_or(|end| end.0 > moment)
                    };
                    let lasting: Vec<&SiteIncident> = incidents.iter().filter(covers).collect();
                    let is_trouble = expected <= SiteState::Degraded;
                    prop_assert_eq!(lasting.len(), usize::from(is_trouble), "{} at {}", site, moment);
                    prop_assert!(lasting.iter().all(|it| it.state <= expected));
                }
            }
        }
    }
}
