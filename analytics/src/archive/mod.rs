//! The archive: hours of event time that are final, as Parquet files.
//!
//! - [`rows`]: from panes to the rows of files and back.
//! - [`incidents`]: incidents as rows of files and back.
//! - [`write`]: hours into files. [`compact`]: the files of hours into those of a day. [`read`]: files back into tables.
//! - [`file`]: Parquet. [`place`]: where files are, [`source`] how they are read, `client` how a bucket is asked.
//! - [`foreign`]: Parquet files of others, which are imported.
//!
//! An hour is **final** when retention has moved past its end: no reading of it can be counted any more, so its files are
//! a function of the stream alone. They are written first and committed then, so a crash between the two writes the same
//! files once more. What is in files is told by [`crate::store::archived`], which is committed with the rest of the state.

mod client;
pub mod compact;
pub mod file;
pub mod foreign;
pub mod incidents;
pub mod place;
pub mod read;
pub mod rows;
pub mod source;
pub mod write;
