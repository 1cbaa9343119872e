//! How single panes fared: what the sums of a longer step level out.

use std::collections::{BTreeMap, BTreeSet};

use shared::api::Status;

use crate::measures::{measures, status};
use crate::{Counted, Reference};

/// The worst of some readings, each antenna's panes judged by themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Worst {
    /// `None` where there are no readings.
    pub(crate) status: Option<Status>,
    /// Antennas that were down in at least one pane.
    pub(crate) antennas_down: u64,
}

pub(crate) fn worst<'a>(readings: impl IntoIterator<Item = &'a Counted>, reference: &Reference) -> Worst {
    let mut panes: BTreeMap<(u32, i64), Vec<&Counted>> = BTreeMap::new();
    for reading in readings {
        panes.entry((reading.antenna, reference.settings.pane_of(reading.event_ms))).or_default().push(reading);
    }
    // Silence is told by arrivals, so a pane cannot be.
    let settings = |antenna: u32| reference.antennas[antenna as usize].own(&reference.settings);
    let judged =
        panes.into_iter().map(|((antenna, _), own)| (antenna, status(&measures(own), false, &settings(antenna))));
    let judged: Vec<(u32, Status)> = judged.collect();
    let down: BTreeSet<u32> =
        judged.iter().filter(|(_, status)| *status == Status::Down).map(|(antenna, _)| *antenna).collect();
    Worst { status: judged.iter().map(|(_, status)| *status).min(), antennas_down: down.len() as u64 }
}
