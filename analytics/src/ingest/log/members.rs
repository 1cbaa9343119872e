//! The processes that share the partitions of a stream, as the broker knows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::UnixMillis;

use super::Epoch;
use crate::settings::is_host;

/// A process that shares the partitions with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name, which no other process has.
    pub name: String,
    /// Where others ask it for what it owns: a host and a port.
    pub address: String,
    /// The streams that it owns and has loaded, with the epoch of each.
    pub owns: BTreeMap<String, Epoch>,
}

impl Member {
    /// Whether its address is a host and a port and nothing else: others send requests there.
    #[must_use]
    pub fn has_address(&self) -> bool {
        let Some((host, port)) = self.address.rsplit_once(':') else { return false };
        is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
    }
}

/// The members at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Present {
    /// All that announced themselves lately, by name.
    pub members: BTreeMap<String, Member>,
    /// The broker's clock at that moment; `None` where the log has none.
    pub broker_time: Option<UnixMillis>,
}

impl Present {
    /// The member that owns a stream, with its epoch there: of several that say so, the one with the highest, as epochs only grow.
    #[must_use]
    pub fn owner_of(&self, stream: &str) -> Option<(&Member, Epoch)> {
        let owners = self.members.values().filter_map(|member| Some((member, *member.owns.get(stream)?)));
        owners.max_by_key(|(_, epoch)| *epoch)
    }
}
