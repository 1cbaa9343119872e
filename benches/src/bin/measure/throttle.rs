//! A connection to the broker that lets only so many bytes a second through, so that a backlog is drained at a given
//! rate.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How many bytes are passed on at once.
const PIECE: usize = 64 * 1024;

/// How much of a delay is made up for.
const SLACK: Duration = Duration::from_millis(100);

/// Listens on a free port of the loopback interface and forwards connections to another, passing answers on at
/// `bytes_per_second` each. Ends with the process.
pub(crate) fn throttle(port: u16, bytes_per_second: f64) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(broker) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            let (Ok(from_client), Ok(to_broker)) = (client.try_clone(), broker.try_clone()) else { continue };
            thread::spawn(move || pass(from_client, to_broker, f64::INFINITY));
            thread::spawn(move || pass(broker, client, bytes_per_second));
        }
    });
    Ok(address.port())
}

/// Forwards bytes until either side closes.
fn pass(mut from: TcpStream, mut to: TcpStream, bytes_per_second: f64) {
    let mut piece = vec![0; PIECE];
    let mut due = Instant::now();
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
        // A sleep that was too long is made up for; a time in which there was nothing to pass on is not.
        due = due.max(Instant::now() - SLACK) + Duration::from_secs_f64(read as f64 / bytes_per_second);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    // The other direction ends with this one; an error means that it has already ended.
    let _ended = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
