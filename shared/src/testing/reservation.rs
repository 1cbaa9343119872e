//! A port that is known before anything listens on it.
//!
//! A program of ours is started with port 0 and says which one it was given. That does not help where somebody has to
//! know the address before: who asks a program that is not there yet, and `redis-server`, which does not say its port.
//! A port that was merely found free may be given to another process before it is used. One that is bound here is not,
//! and as long as this socket does not listen itself, a program on the same machine may bind it too: both allow it with
//! `SO_REUSEADDR`, as servers do.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use tokio::net::TcpSocket;

/// A port of the loopback interface that is kept for whoever is told of it. Until somebody listens there, connections
/// are refused.
#[derive(Debug)]
pub struct Reservation {
    /// Only Linux lets another socket bind the same port; elsewhere the port is merely one that was free.
    _held: Option<TcpSocket>,
    address: SocketAddr,
}

impl Reservation {
    /// Reserves a port that nobody uses.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a socket that shares its port");
        socket.bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let address = socket.local_addr().expect("the address of a bound socket");
        Self { _held: cfg!(target_os = "linux").then_some(socket), address }
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Default for Reservation {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn nobody_listens_until_whoever_was_told_does() {
        let reservation = Reservation::new();
        let refused = TcpStream::connect(reservation.address()).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        for _start in 0..2 {
            let listener = TcpListener::bind(reservation.address()).expect("a port that was kept");
            let client = TcpStream::connect(reservation.address()).expect("a listener");
            let served = listener.accept().expect("the client");
            drop((listener, served, client));
        }
        assert!(TcpStream::connect(reservation.address()).is_err(), "nobody listens any more");
    }

    #[test]
    fn a_port_is_reserved_once() {
        let reservations: Vec<Reservation> = (0..100).map(|_| Reservation::new()).collect();
        let mut ports: Vec<u16> = reservations.iter().map(Reservation::port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), reservations.len());
    }
}
