//! Who is behind an antenna that is down: those whose parent it is, and those behind them.

use std::collections::HashMap;
use std::sync::Arc;

use super::Registry;

/// An antenna is still unreachable for so long, in milliseconds, once the one in front of it is back: two intervals, as so many good ones
/// end an incident of its own.
pub(crate) const RETURN_MS: i64 = 60_000;

impl Registry {
    /// From a parent on, the last one on the way up of which something is true. What was found on the way is kept in mind: all of a site go
    /// the same way.
    pub(crate) fn first_in_front(
        &self,
        parent: Arc<str>,
        is: impl Fn(&str) -> bool,
        found: &mut HashMap<Arc<str>, Option<Arc<str>>>,
    ) -> Option<Arc<str>> {
        let mut way = Vec::new();
        let mut next = Some(parent);
        let mut first = None;
        while let Some(at) = next {
            if let Some(known) = found.get(&at) {
                first.clone_from(known);
                break;
            }
            next = self.of(&at).parent.clone();
            way.push(at);
        }
        for at in way.into_iter().rev() {
            if first.is_none() && is(&at) {
                first = Some(Arc::clone(&at));
            }
            found.insert(at, first.clone());
        }
        first
    }
}
