//! Chooses the broker: the one given, else a private `redis-server`, else the in-process log.

use std::fmt;

use shared::settings::BrokerSettings;

use crate::private_redis::{PrivateRedis, StartError};

/// What carries the readings. Its text describes the choice to the person at the terminal.
#[derive(Debug)]
pub enum Broker {
    /// The settings name it. Whether it answers is up to its clients, which retry until it does.
    Given(Box<BrokerSettings>),
    /// Started by this process, for this process.
    Private(Box<PrivateRedis>),
    /// The in-process log.
    InProcess {
        /// Why there is no private server.
        why: StartError,
    },
}

impl Broker {
    /// The broker of the settings, or else the best one that this machine has.
    pub async fn choose(settings: &BrokerSettings) -> Self {
        match settings.given() {
            Some(given) => Self::Given(Box::new(given.clone())),
            None => match PrivateRedis::start().await {
                Ok(redis) => Self::Private(Box::new(redis)),
                Err(why) => Self::InProcess { why },
            },
        }
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(given) => f.write_str(&given.public_url()),
            Self::Private(redis) => {
                write!(f, "private {} on port {} (set REDIS_URL to use your own)", redis.program(), redis.port())
            }
            Self::InProcess { why } => write!(f, "in-process log, as {why} (set REDIS_URL to use a server)"),
        }
    }
}
