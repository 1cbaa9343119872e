//! The parts of a page. They lay out what `model` provides and decide nothing.

#![expect(unreachable_pub, reason = "the component macro makes `pub` of `pub(crate)`")]

mod calendar;
mod chart;
mod code;
mod frame;
mod heat;
mod icon;
mod layout;
mod map;
mod parts;
mod table;
mod tile;

pub(crate) use calendar::CalendarView;
pub(crate) use chart::{ChartCard, NumbersCard};
pub(crate) use code::{CodeBlock, Meant, SnippetsCard, TokenNote};
pub(crate) use frame::{Heading, Remark, VerdictCard};
pub(crate) use heat::HeatMapCard;
pub(crate) use icon::{LevelBadge, Logo};
pub(crate) use layout::{App, Document, Layout};
pub(crate) use map::MapView;
pub(crate) use parts::{
    Ago, AntennaLink, Choices, FileLink, Hidden, Pager, Pill, Place, Prose, Search, StripView, Time,
};
pub(crate) use table::{FleetTable, IncidentTable, IncidentsCard, ReadingTable, SiteTable, WorstCard};
pub(crate) use tile::TileCard;
