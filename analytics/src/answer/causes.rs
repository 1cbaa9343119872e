//! Which incident is in front of another one: that of an antenna behind which, as the registry says, its antenna is.
//!
//! It is the rule by which alerts tell of who is unreachable, put to the incidents themselves. So it is the same in each process that knows
//! them and has the same registry, whether anybody is to be told or not.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use polars::prelude::*;
use shared::UnixMillis;
use shared::api::{HeldBy, IncidentKind, incident_id};

use super::incidents::{END, KIND, Row, all};
use super::{View, rows};
use crate::registry::Registry;
use crate::registry::upstream::RETURN_MS;
use crate::store::expressions::answer::{ANTENNA_ID, START};

/// The id of the incident in front of it.
pub(super) const CAUSED_BY: &str = "caused_by";

/// Why nobody is told of it.
pub(super) const HELD: &str = "held";

/// Who takes care of it.
pub(super) const ACKNOWLEDGED: &str = "acknowledged";

impl View<'_> {
    /// A table of incidents with what is in front of each, why nobody is told of it and who takes care of it, null where nothing is known of
    /// that. `has_files` tells whether incidents in files count.
    pub(super) fn with_said(&self, incidents: DataFrame, has_files: bool) -> PolarsResult<DataFrame> {
        let mut incidents = incidents;
        let ids: Vec<String> =
            rows::texts(&incidents, ANTENNA_ID)?.into_iter().map(Option::unwrap_or_default).collect();
        let kinds = rows::positions(&incidents, KIND, &IncidentKind::ALL)?;
        let (starts, ends) = (rows::times(&incidents, START)?, rows::known_times(&incidents, END)?);
        let incident = |row: usize| incident_id(kinds[row].family(), starts[row], &ids[row]);
        let said = |of: &dyn Fn(usize) -> Option<String>| (0..ids.len()).map(of).collect::<Vec<_>>();
        let held = said(&|row| {
            let held = self.said.filter(|_| ends[row].is_none())?.held(&incident(row));
            held.map(HeldBy::as_str).map(str::to_owned)
        });
        let acknowledged = said(&|row| self.said?.acknowledged(&incident(row)).map(str::to_owned));
        let caused_by = self.causes(&ids, &ends, has_files);
        for (name, column) in [(CAUSED_BY, caused_by), (HELD, held), (ACKNOWLEDGED, acknowledged)] {
            incidents.with_column(Column::new(name.into(), column))?;
        }
        Ok(incidents)
    }

    /// The id of the incident in front of each of some, which are of these antennas and ended then, or last.
    fn causes(&self, ids: &[String], ends: &[Option<UnixMillis>], has_files: bool) -> Vec<Option<String>> {
        let registry = self.registry.filter(|registry| !registry.is_empty());
        let parents = registry.map(|registry| ids.iter().map(|id| registry.of(id).parent.clone()).collect::<Vec<_>>());
        let Some((registry, parents)) = registry.zip(parents).filter(|(_, all)| all.iter().any(Option::is_some)) else {
            return vec![None; ids.len()];
        };
        let behind = ends.iter().zip(&parents).filter(|(_, parent)| parent.is_some());
        let until: Vec<i64> = behind.map(|(end, _)| end.map_or(self.now_ms, |end| end.0)).collect();
        let range = until.iter().min().copied().zip(until.iter().max().copied()).filter(|_| has_files);
        let archived = range.map_or_else(Vec::new, |(from_ms, until_ms)| {
            self.archived_incidents((from_ms - RETURN_MS, until_ms.saturating_add(1)))
        });
        let rows = all(self.whole, &archived, self.now_ms, &self.thresholds);
        caused_by(registry, parents, ends, rows)
    }
}

/// The id of the incident in front of each of some, by the parents of their antennas and by when they ended, if they have. `rows` are all
/// that may be in front of them.
fn caused_by<'a>(
    registry: &Registry,
    parents: Vec<Option<Arc<str>>>,
    ends: &[Option<UnixMillis>],
    rows: impl Iterator<Item = Row<'a>>,
) -> Vec<Option<String>> {
    let in_front = in_front(registry, parents.iter().flatten());
    let downs = Downs::of(rows.filter(|row| in_front.contains(row.antenna)));
    let mut lasting = HashMap::new();
    let cause = |(parent, end): (Option<Arc<str>>, &Option<UnixMillis>)| {
        let is_down = |antenna: &str| downs.first(antenna, *end).is_some();
        let first = match end {
            None => registry.first_in_front(parent?, is_down, &mut lasting),
            Some(_) => registry.first_in_front(parent?, is_down, &mut HashMap::new()),
        }?;
        let down = downs.first(&first, *end)?;
        Some(incident_id(down.kind.family(), UnixMillis(down.start_ms), &first))
    };
    parents.into_iter().zip(ends).map(cause).collect()
}

/// The antennas on the way up from some parents.
fn in_front<'p>(registry: &Registry, parents: impl Iterator<Item = &'p Arc<str>>) -> BTreeSet<Arc<str>> {
    let mut found = BTreeSet::new();
    for parent in parents {
        let mut next = Some(Arc::clone(parent));
        while let Some(at) = next.filter(|at| !found.contains(at)) {
            next = registry.of(&at).parent.clone();
            found.insert(at);
        }
    }
    found
}

/// The incidents by which antennas are down for those behind them, by antenna, the one that began first in front.
struct Downs<'a>(HashMap<&'a str, Vec<Row<'a>>>);

impl<'a> Downs<'a> {
    fn of(rows: impl Iterator<Item = Row<'a>>) -> Self {
        let mut downs: HashMap<&str, Vec<Row<'_>>> = HashMap::new();
        for row in rows.filter(|row| row.kind != IncidentKind::Degraded) {
            downs.entry(row.antenna).or_default().push(row);
        }
        for rows in downs.values_mut() {
            rows.sort_by_key(|row| (row.start_ms, row.kind));
        }
        Self(downs)
    }

    /// The first incident by which those behind an antenna were unreachable at a moment, or are where none is given.
    fn first(&self, antenna: &str, at: Option<UnixMillis>) -> Option<&Row<'a>> {
        self.0.get(antenna)?.iter().find(|row| match (at, row.end) {
            (None, end) => end.is_none(),
            (Some(at), None) => row.start_ms <= at.0,
            (Some(at), Some((end_ms, _))) => row.start_ms <= at.0 && at.0 < end_ms + RETURN_MS,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::api::IncidentEnding;

    use super::*;
    use crate::registry::Notation;
    use crate::store::trouble::Tally;

    const IDS: [&str; 6] = ["0", "1", "2", "3", "4", "5"];

    /// An antenna, a kind, a second in which it begins and how long it lasts.
    fn incidents() -> impl Strategy<Value = Vec<(usize, usize, i64, Option<i64>)>> {
        let one = (0..IDS.len(), 0..IncidentKind::ALL.len(), 0..200_i64, prop::option::of(0..200_i64));
        prop::collection::vec(one, 1..24)
    }

    proptest! {
        /// What is in front of an incident is the one furthest up whose antenna was down when it ended, or a minute before, or is: found by
        /// looking at each pair.
        #[test]
        fn what_is_in_front_of_an_incident_is_what_each_pair_of_them_says(
            parents in prop::collection::vec(any::<prop::sample::Index>(), IDS.len()), roots in any::<[bool; 6]>(),
            incidents in incidents(),
        ) {
            // Nobody is behind one with a higher number.
            let parent = |antenna: usize| (antenna > 0 && !roots[antenna]).then(|| parents[antenna].index(antenna));
            let csv: String = (0..IDS.len())
                .map(|it| format!("{it},{}\n", parent(it).map_or_else(String::new, |parent| parent.to_string())))
                .collect();
            let registry = Registry::read(format!("id,parent\n{csv}").as_bytes(), Notation::Csv).expect("a registry");
            let rows: Vec<Row<'_>> = incidents
                .iter()
                .map(|(antenna, kind, start_s, length_s)| Row {
                    antenna: IDS[*antenna],
                    kind: IncidentKind::ALL[*kind],
                    start_ms: start_s * 1_000,
                    end: length_s.map(|length_s| ((start_s + length_s) * 1_000, IncidentEnding::Recovered)),
                    tally: Tally::default(),
                })
                .collect();
            let of = rows.iter().map(|row| registry.of(row.antenna).parent.clone()).collect();
            let ends: Vec<Option<UnixMillis>> = rows.iter().map(|row| row.end.map(|(end_ms, _)| UnixMillis(end_ms))).collect();
            let found = caused_by(&registry, of, &ends, rows.iter().copied());
            for ((antenna, ..), (row, found)) in incidents.iter().zip(rows.iter().zip(found)) {
                let (mut at, mut expected) = (parent(*antenna), None);
                while let Some(above) = at {
                    let is_down = |it: &&Row<'_>| match (row.end, it.end) {
                        _ if it.antenna != IDS[above] || it.kind == IncidentKind::Degraded => false,
                        (None, end) => end.is_none(),
                        (Some((end_ms, _)), None) => it.start_ms <= end_ms,
                        (Some((end_ms, _)), Some((back_ms, _))) => (it.start_ms..back_ms + 60_000).contains(&end_ms),
                    };
                    let first = rows.iter().filter(is_down).min_by_key(|it| (it.start_ms, it.kind));
                    expected = first.map(|it| incident_id(it.kind.family(), UnixMillis(it.start_ms), it.antenna)).or(expected);
                    at = parent(above);
                }
                prop_assert_eq!(found, expected, "{:?} of {:?}", row, rows);
            }
        }
    }
}
