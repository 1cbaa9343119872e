//! Where a server listens: on IPv6 and IPv4 with one socket.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 1024;

/// Listens on an address. `[::]` means all addresses of the machine, of IPv4 too, whatever the system's default is; on a machine
/// without IPv6 it means `0.0.0.0`. Must be called within a tokio runtime.
///
/// # Errors
/// Where the system does not let us: the port is taken, or the address is none of this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    listen_or(address, bind(address))
}

/// What came of binding, or IPv4 alone where there is nothing else.
fn listen_or(address: SocketAddr, bound: io::Result<TcpListener>) -> io::Result<TcpListener> {
    match bound {
        Err(error) if is_any(address) && has_no_ipv6(&error) => {
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            let listener = bind(address)?;
            tracing::info!(%error, %address, "this machine has no IPv6, so IPv4 alone is listened on");
            Ok(listener)
        }
        bound => bound,
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if is_any(address) {
        set_ipv6_v6only(&socket, false)?;
    }
    // Else a server that is started again would have to wait until the system has forgotten its last connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn is_any(address: SocketAddr) -> bool {
    address.ip() == Ipv6Addr::UNSPECIFIED
}

/// Whether it says that the system was built or started without IPv6, or has no address of it.
fn has_no_ipv6(error: &io::Error) -> bool {
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].into_iter().any(|it| error.raw_os_error() == Some(it.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;
    use crate::settings::{as_client, parse_bind};

    async fn is_reached(ip: &str, port: u16) -> bool {
        TcpStream::connect((ip, port)).await.is_ok()
    }

    fn address(text: &str) -> SocketAddr {
        parse_bind(text).expect("an address")
    }

    #[tokio::test]
    async fn all_addresses_are_those_of_ipv4_too() {
        let listener = listen(address("[::]:0")).expect("a port");
        let bound = listener.local_addr().expect("its address");
        assert!(is_reached("127.0.0.1", bound.port()).await);
        let has_ipv6 = bind(address("[::1]:0")).is_ok();
        assert_eq!((bound.is_ipv6(), is_reached("::1", bound.port()).await), (has_ipv6, has_ipv6));
        assert!(TcpStream::connect(as_client(bound)).await.is_ok());
        let again = listen(bound).expect_err("the port is taken");
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn without_ipv6_there_is_ipv4() {
        let refused = || Err(io::Error::from(Errno::AFNOSUPPORT));
        let listener = listen_or(address("[::]:0"), refused()).expect("a port");
        let bound = listener.local_addr().expect("its address");
        assert!(bound.is_ipv4() && is_reached("127.0.0.1", bound.port()).await, "{bound}");
        assert!(listen_or(address("[::1]:0"), refused()).is_err(), "that is one address");
        let taken = listen_or(address("[::]:0"), Err(io::Error::from(Errno::ADDRINUSE)));
        assert!(taken.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse), "that is no lack of IPv6");
    }

    #[tokio::test]
    async fn one_address_is_no_other() {
        let listener = listen(address("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        assert!(is_reached("127.0.0.1", port).await && !is_reached("::1", port).await);
    }
}
