//! The success rates that rules are about: each is what a question to its window is answered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::UnixMillis;
use shared::api::End;
use shared::throttle::Throttle;
use tracing::warn;

use super::antennas::Antennas;
use super::file::{Alerting, Limit, SuccessRateBelow};
use super::quiet::Quiet;
use crate::answer::{AnswerError, Window, summary};
use crate::published::Settled;
use crate::readings::Slot;
use crate::store::Whole;
use crate::store::whole::Numbering;
use crate::workers::keep_plans;

/// How often they are worked out. Panes are longer.
const EVERY: Duration = Duration::from_secs(1);

/// By the names of their rules; one that is not there is not known.
pub type SuccessRates = BTreeMap<String, f64>;

/// Works out success rates, and keeps them for a moment.
#[derive(Debug, Default)]
pub struct Rates {
    known: SuccessRates,
    /// When they were worked out, and by what.
    looked: Option<(Instant, Arc<Alerting>)>,
    numbering: Numbering,
    line: Throttle,
}

/// By what they are worked out.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// What is committed of all partitions.
    pub settled: &'a [Settled],
    /// What antennas are.
    pub antennas: &'a Antennas,
    /// Of whom nobody is told: what they send does not count.
    pub quiet: &'a Quiet<'a>,
}

impl Rates {
    /// The success rates of the rules of a file, not older than a second. The thread that asks works them out.
    pub fn of(&mut self, alerting: &Arc<Alerting>, network: Network<'_>) -> SuccessRates {
        let is_known = self.looked.as_ref().is_some_and(|(at, by)| at.elapsed() < EVERY && Arc::ptr_eq(by, alerting));
        if is_known {
            return self.known.clone();
        }
        let limits = alerting.rules.iter().filter_map(|rule| match &rule.limit {
            Limit::SuccessRateBelow(limit) => Some((&rule.name, limit)),
            Limit::DownShareAbove(_) | Limit::NoReadingsMs(_) => None,
        });
        let limits: Vec<(&String, &SuccessRateBelow)> = limits.collect();
        self.looked = Some((Instant::now(), Arc::clone(alerting)));
        self.known.clear();
        if limits.is_empty() || network.settled.is_empty() {
            return SuccessRates::new();
        }
        keep_plans();
        let snapshots = network.settled.iter().map(|partition| Arc::clone(&partition.snapshot)).collect();
        let whole = Whole::join(snapshots, std::mem::take(&mut self.numbering));
        self.numbering = whole.numbering();
        let counting = Counting::of(&whole, network);
        for (rule, limit) in limits {
            match counting.success_rate(&whole, limit) {
                Ok(Some(rate)) => {
                    self.known.insert(rule.clone(), rate);
                }
                // Where nothing was sent there is none.
                Ok(None) => {}
                Err(error) => {
                    if self.line.is_due(Instant::now()) {
                        warn!(rule, "the success rate of a rule is not known: {error}");
                    }
                }
            }
        }
        self.known.clone()
    }
}

/// The antennas that count.
struct Counting {
    /// By site; those at no site under `None`. Slots ascend.
    by_site: HashMap<Option<Arc<str>>, Vec<Slot>>,
    /// Whether these are all.
    are_all: bool,
}

impl Counting {
    fn of(whole: &Whole, Network { antennas, quiet, .. }: Network<'_>) -> Self {
        let mut counting = Self { by_site: HashMap::new(), are_all: true };
        for (slot, antenna) in whole.retained() {
            if quiet.is_of(&antenna.id) {
                counting.are_all = false;
            } else {
                counting.by_site.entry(antennas.of(&antenna.id).site.clone()).or_default().push(slot);
            }
        }
        counting.by_site.values_mut().for_each(|slots| slots.sort_unstable());
        counting
    }

    /// Of what is behind the last pane that has closed nothing is said: it is not all there yet, and what another process has of it changes
    /// before it can be asked for.
    fn success_rate(&self, whole: &Whole, limit: &SuccessRateBelow) -> Result<Option<f64>, AnswerError> {
        let closed = whole.portions().iter().map(|portion| portion.snapshot.closed_before_ms()).max();
        let Some(end_ms) = closed.filter(|end_ms| *end_ms != i64::MIN) else { return Ok(None) };
        let end = UnixMillis(end_ms);
        let window = Window::new(whole, limit.window_ms, End::At(end), end);
        let slots = match &limit.site {
            Some(site) => self.by_site.get(&Some(Arc::from(site.as_str()))).cloned().unwrap_or_default(),
            None if self.are_all => return summary::success_rate(whole, window, None),
            None => {
                let mut all: Vec<Slot> = self.by_site.values().flatten().copied().collect();
                all.sort_unstable();
                all
            }
        };
        summary::success_rate(whole, window, Some(&slots))
    }
}
