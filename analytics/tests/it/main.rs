//! Analytics from the outside: the laws of its parts, faults at any point, and real programs on a real Redis.
//!
//! One test program for all, because each would link Polars again.

mod alerts;
mod algebra;
mod analysis;
mod answers;
mod archive;
mod availability;
mod brokers;
mod cells;
mod clusters;
mod compaction;
mod engines;
mod expected;
mod faults;
mod flapping;
mod formats;
mod histories;
mod import;
mod incidents;
mod limits;
mod memory;
mod old_incidents;
mod oracle;
mod partitions;
mod programs;
mod public_status;
mod receivers;
mod recent;
mod recorded;
mod registry;
mod rejects;
mod repartition;
mod replicas;
mod replies;
mod routes;
mod scenario;
mod schema;
mod simulation;
mod storage;
mod support;
mod token;
mod windows;
