//! The replicas of analytics, each with a way to it for the others that can be closed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use shared::api::{Ledger, Phase, Pipeline, Summary, path};
use shared::testing::Reservation;

use crate::faults::{Analytics, Proxy, Seen, lock};

/// A replica.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) analytics: Analytics,
    /// How the others reach it.
    pub(super) way: Proxy,
    peers: Reservation,
}

impl Replica {
    /// Lets the others reach it again.
    pub(super) fn open(&self) {
        self.way.open_to(self.peers.port());
    }
}

/// All replicas.
#[derive(Debug)]
pub(super) struct Group {
    url: String,
    partitions: u16,
    pub(super) replicas: Vec<Replica>,
    /// The dashboard's way to one of them.
    pub(super) web: Proxy,
    /// Those that can be asked.
    asked: Arc<Mutex<Vec<SocketAddr>>>,
    pub(super) seen: Seen,
}

impl Group {
    /// A group of one.
    pub(super) fn start(url: String, partitions: u16) -> Result<Self> {
        let mut group = Self {
            url,
            partitions,
            replicas: Vec::new(),
            web: Proxy::start(0)?,
            asked: Arc::default(),
            seen: Seen::default(),
        };
        group.add()?;
        Ok(group)
    }

    /// Another replica.
    pub(super) fn add(&mut self) -> Result<()> {
        let peers = Reservation::new();
        let way = Proxy::start(peers.port())?;
        let settings = [
            ("STREAM_PARTITIONS", self.partitions.to_string()),
            ("PEER_BIND", peers.address().to_string()),
            ("ADVERTISE", format!("127.0.0.1:{}", way.port())),
        ];
        let analytics = Analytics::start(&self.url, &settings, &mut self.seen);
        self.put(Replica { analytics, way, peers });
        Ok(())
    }

    /// Puts one in, so that it is asked.
    pub(super) fn put(&mut self, replica: Replica) {
        self.replicas.push(replica);
        self.show();
    }

    /// Takes one out, so that nobody asks it any more.
    pub(super) fn take(&mut self, number: usize) -> Replica {
        let replica = self.replicas.remove(number);
        self.show();
        replica
    }

    /// Tells whoever asks which there are.
    fn show(&self) {
        *lock(&self.asked) = self.replicas.iter().map(|replica| replica.analytics.address()).collect();
        if let Some(replica) = self.replicas.first() {
            self.web.open_to(replica.analytics.port());
            // What is open leads to the one before, which may be gone.
            self.web.cut();
        }
    }

    /// Those that can be asked, for whoever asks.
    pub(super) fn asked(&self) -> Arc<Mutex<Vec<SocketAddr>>> {
        Arc::clone(&self.asked)
    }

    /// What the first one tells.
    pub(super) fn pipeline(&self) -> Option<Pipeline> {
        self.replicas.first()?.analytics.pipeline()
    }

    /// How many antennas have a reading in the window, as each of them tells.
    pub(super) fn active(&self) -> Vec<Option<u64>> {
        let of = |replica: &Replica| {
            let summary: Option<Summary> = replica.analytics.get(path::SUMMARY);
            summary.map(|summary| summary.antennas.active)
        };
        self.replicas.iter().map(of).collect()
    }

    /// The ledger of all partitions, where all of them are read.
    pub(super) fn ledger(&self) -> Result<Ledger> {
        Ok(self.pipeline().context("no replica answers")?.totals)
    }

    /// Whether every replica tells that every partition is read by one of them.
    pub(super) fn is_owned(&self) -> bool {
        let is_mine = |owner: &String| self.replicas.iter().any(|replica| replica.analytics.is(owner));
        let is_owned = |pipeline: &Pipeline| {
            pipeline.phase == Phase::Running
                && pipeline.partitions.iter().all(|partition| partition.owner.as_ref().is_some_and(is_mine))
        };
        self.replicas.iter().all(|replica| replica.analytics.pipeline().as_ref().is_some_and(is_owned))
    }

    /// What the processes said last.
    pub(super) fn tail(&self) -> String {
        self.replicas.iter().map(|replica| replica.analytics.tail()).collect::<Vec<_>>().join("\n")
    }

    /// Ends all in good order.
    pub(super) fn end(&mut self) -> Result<()> {
        for replica in std::mem::take(&mut self.replicas) {
            replica.analytics.end(&mut self.seen)?;
        }
        Ok(())
    }
}
