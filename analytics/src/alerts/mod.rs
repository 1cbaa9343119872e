//! Alerts: from incidents to the people who mend them.
//!
//! - [`incident`]: what receivers are told of; [`observe`]: how it is found in what is committed; [`antennas`]: what the registry
//!   says of its antenna.
//! - [`file`]: what `ALERTS_FILE` says; [`matcher`] and [`hours`], of its routes; [`template`], of its receivers.
//! - [`maintenance`]: when nobody is told; [`quiet`]: of whom nobody is told; [`upstream`] and [`sites`]: who is told with
//!   another one.
//! - [`orders`]: what people say of them; `notes`: what they tell everybody of sites.
//! - [`rates`]: the success rates that rules are about.
//! - [`state`]: what is committed of alerts; [`step`]: what is decided, a pure function of it, of the time and of what was seen.
//! - [`message`]: what a receiver is told at a time; [`send`]: how.
//! - [`dispatch`]: the process that decides, commits and tells; [`told`]: what is shown of it.

pub mod antennas;
pub mod dispatch;
pub mod file;
pub mod hours;
pub mod incident;
pub mod maintenance;
pub mod matcher;
pub mod message;
mod notes;
pub mod observe;
pub mod orders;
pub mod quiet;
pub mod rates;
pub mod send;
pub mod sites;
pub mod state;
pub mod step;
pub mod template;
pub mod told;
pub mod upstream;
