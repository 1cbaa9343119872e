//! From the log to columns, in the order in which a reading passes.
//!
//! - [`log`]: where entries come from and state is committed to; Redis, or memory. [`stream_id`] is where an entry stands.
//! - [`resp`]: the bytes of a reply to its entries and their fields.
//! - [`decode`]: fields to the columns of a micro-batch, or to a rejected entry.

pub mod decode;
pub mod log;
pub mod resp;
pub mod stream_id;
