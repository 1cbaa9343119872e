//! Any bytes as a recording, plain or compressed: nothing panics, lines never go back, and a row that can be expressed
//! loses no more packets than it sent.
#![no_main]

use std::io::{Seek as _, Write as _};
use std::sync::{LazyLock, Mutex};

use libfuzzer_sys::fuzz_target;
use shared::recording::Rows;
use tempfile::NamedTempFile;

/// The reader takes a path. One file holds one input after the other.
static FILE: LazyLock<Mutex<NamedTempFile>> =
    LazyLock::new(|| Mutex::new(NamedTempFile::new_in(MEMORY).expect("a file")));

/// A file system in memory: on a disk, an input takes a hundred times as long.
const MEMORY: &str = "/dev/shm";

fuzz_target!(|bytes: &[u8]| {
    let mut file = FILE.lock().expect("nobody panicked");
    file.as_file().set_len(0).expect("an empty file");
    file.rewind().expect("its beginning");
    file.write_all(bytes).expect("room for the input");
    let Ok(rows) = Rows::open(file.path()) else { return };
    let mut last = 1;
    // A carriage return alone ends a row and no line.
    for row in rows {
        // What is damaged is told once, and nothing behind it is read.
        let Ok(row) = row else { break };
        assert!(row.line >= last, "line {} comes behind line {last}", row.line);
        last = row.line;
        if let Ok(reading) = row.reading {
            assert!(reading.loss <= reading.packets, "{reading:?}");
        }
    }
});
