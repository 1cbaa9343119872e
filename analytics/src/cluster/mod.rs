//! Several processes that share the partitions of a stream, and each of which answers for all of them.
//!
//! - [`membership`]: who is there, who is to own which partition, and one move at a time.
//! - [`peers`]: what a process tells others of the partitions that it owns.
//! - [`follow`]: what a process knows of those that others own: from their owners, else from what was committed.
//!
//! Nothing here is needed for a partition to be counted exactly once: that is the fence of each commit. It says who
//! had best do it.

pub mod follow;
pub mod membership;
pub mod peers;
