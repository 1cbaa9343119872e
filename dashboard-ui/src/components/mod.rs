//! The parts of a page. They place what `model` says and decide nothing.

#![expect(unreachable_pub, reason = "the component macro makes `pub` of `pub(crate)`")]

mod chart;
mod icon;
mod layout;
mod table;
mod tile;
mod verdict;

pub(crate) use chart::{LatencyCard, LossCard, StepsCard};
pub(crate) use icon::LevelBadge;
pub(crate) use layout::{Document, Layout};
pub(crate) use table::WorstCard;
pub(crate) use tile::TileCard;
pub(crate) use verdict::{FreshnessLabel, VerdictCard};
