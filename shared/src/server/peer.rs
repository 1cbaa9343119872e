//! Who asks.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;

/// A client as it is counted: an IPv4 address, or the first 64 bits of an IPv6 one, since whoever has one address of such a
/// network has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer(IpAddr);

impl Peer {
    /// Of how many kinds [`Self::networks`] are.
    pub const LEVELS: usize = 3;

    /// The networks that a client is in, the widest first, and itself. Providers give networks of 48 or 56 bits to a customer, who
    /// is then 65,536 or 256 clients, so who shares something out has to look at those too. An IPv4 address is all of it.
    #[must_use]
    pub fn networks(self) -> [Self; Self::LEVELS] {
        [48, 56, CLIENT_BITS].map(|bits| Self(network(self.0, bits)))
    }
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self(network(address.to_canonical(), CLIENT_BITS))
    }
}

/// The address at the other end of a request's connection: of the client, or of a proxy in front. No header can change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour(pub IpAddr);

/// How many bits of an IPv6 address tell clients apart.
const CLIENT_BITS: u32 = 64;

/// The start of an IPv6 network, whose addresses have this many bits in common. An IPv4 address stays what it is.
fn network(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & mask(128 - bits, u128::MAX)).into()),
    }
}

fn mask(free_bits: u32, all: u128) -> u128 {
    all.checked_shl(free_bits).unwrap_or(0)
}

/// The proxies in front of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// How many bits of it count.
    bits: u32,
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let (own, other, width) = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        let differs: u128 = own ^ other;
        differs.checked_shr(width - self.bits).unwrap_or(0) == 0
    }
}

impl Proxies {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address.to_canonical()))
    }

    /// Who sent a request that came from an address: what a proxy says of it, and the proxy behind that one. What anybody
    /// else writes into `X-Forwarded-For` is not believed.
    #[must_use]
    pub fn client(&self, address: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
        // The last hop was written by the proxy that asks.
        let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        let mut client = address;
        while self.contains(client)
            && let Some(hop) = hops.next().and_then(|hop| address_of(hop.trim()))
        {
            client = hop;
        }
        client
    }
}

/// The address of a hop, which some proxies write with a port.
fn address_of(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().map(|address| address.ip()).ok())
}

impl FromStr for Proxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let networks = text.split(',').map(str::trim).filter(|network| !network.is_empty()).map(|network| {
            let wrong = || format!("{network:?} is no address and no network; write them like 10.0.0.7 or 10.0.0.0/8");
            let (address, bits) =
                network.split_once('/').map_or((network, None), |(address, bits)| (address, Some(bits)));
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let width = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(width), |bits| bits.parse().ok().filter(|bits| *bits <= width));
            Ok(Network { address, bits: bits.ok_or_else(wrong)? })
        });
        networks.collect::<Result<_, String>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::from(address.parse::<IpAddr>().expect("an address"))
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_each_address_of_ipv4_is_one() {
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
    }

    #[test]
    fn networks_of_ipv6_are_what_a_provider_gives() {
        let [wide, narrow, client] = peer("2001:db8:1:ff02::1").networks();
        assert_eq!(client, peer("2001:db8:1:ff02::9"));
        assert_eq!((wide, narrow), (peer("2001:db8:1::"), peer("2001:db8:1:ff00::")));
        let others =
            ["2001:db8:1:ff03::1", "2001:db8:1:fe02::1", "2001:db8:2:ff02::1"].map(|other| peer(other).networks());
        let shared = others.map(|other| [wide == other[0], narrow == other[1], client == other[2]]);
        assert_eq!(shared, [[true, true, false], [true, false, false], [false, false, false]]);
        assert_eq!(peer("10.0.0.1").networks(), [peer("10.0.0.1"); 3]);
    }

    #[test]
    fn only_a_trusted_proxy_names_the_client() {
        let proxies: Proxies = "10.0.0.0/8, fd00::/8, 192.0.2.7".parse().expect("networks");
        let client = |address: &str, lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            lines.iter().for_each(|line| _ = headers.append("x-forwarded-for", line.parse().expect("a header")));
            proxies.client(address.parse().expect("an address"), &headers).to_string()
        };
        assert_eq!(client("198.51.100.1", &["203.0.113.9"]), "198.51.100.1", "whoever is no proxy is the client");
        assert_eq!(client("10.1.2.3", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("10.1.2.3", &["1.1.1.1, 203.0.113.9"]), "203.0.113.9", "the client may write what it likes");
        assert_eq!(client("10.1.2.3", &["1.1.1.1", "203.0.113.9, 192.0.2.7"]), "203.0.113.9", "behind two proxies");
        assert_eq!(client("::ffff:10.1.2.3", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(client("fd00::1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(client("10.1.2.3", &["nobody"]), "10.1.2.3");
        assert_eq!(client("10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(client("192.0.2.8", &["203.0.113.9"]), "192.0.2.8");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["proxy", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0/8", "10.0.0.1/-1"] {
            assert!(text.parse::<Proxies>().is_err_and(|why| why.contains(text)), "{text}");
        }
        assert_eq!(" , ".parse(), Ok(Proxies::default()));
        let any: Proxies = "0.0.0.0/0,::/0".parse().expect("networks");
        assert!(any.contains([1, 2, 3, 4].into()) && any.contains("2001:db8::1".parse().expect("an address")));
    }
}
