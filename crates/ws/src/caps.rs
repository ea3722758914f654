use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::conf::WsConf;
use crate::handshake::HandshakeError;
use crate::metrics::WsMetrics;

/// How many connections an engine has, in total and of each address.
#[derive(Default)]
pub(crate) struct Census {
    total: AtomicUsize,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place among those that there may be, from the handshake on. Dropping it frees it.
pub(crate) struct Place {
    /// The engine's, which has the census.
    engine: Arc<WsMetrics>,
    route: Arc<AtomicUsize>,
    /// `None` where addresses are not counted.
    address: Option<IpAddr>,
}

impl Place {
    /// Takes a place, unless there are as many taken as `conf` allows: of one address, of the route, or in total.
    pub(crate) fn take(
        engine: &Arc<WsMetrics>,
        route: Arc<AtomicUsize>,
        conf: &WsConf,
        address: Option<IpAddr>,
    ) -> Result<Self, HandshakeError> {
        let census = &engine.census;
        let address = address.filter(|_| conf.max_connections_per_ip > 0).map(household);
        if !take_one(&census.total, conf.max_connections) {
            return Err(HandshakeError::TooMany);
        }
        if !take_one(&route, conf.max_connections_per_route) {
            census.total.fetch_sub(1, Ordering::Relaxed);
            return Err(HandshakeError::TooManyOnRoute);
        }
        let is_there = address.is_none_or(|address| census.enter(address, conf.max_connections_per_ip));
        let place = Self { engine: engine.clone(), route, address: address.filter(|_| is_there) };
        if is_there { Ok(place) } else { Err(HandshakeError::TooManyFromAddress) }
    }

    pub(crate) fn engine(&self) -> &Arc<WsMetrics> {
        &self.engine
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.engine.census.total.fetch_sub(1, Ordering::Relaxed);
        self.route.fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.address {
            self.engine.census.leave(address);
        }
    }
}

impl Census {
    fn enter(&self, address: IpAddr, most: usize) -> bool {
        let mut addresses = self.addresses();
        let count = addresses.entry(address).or_default();
        let has_room = *count < most;
        *count += usize::from(has_room);
        has_room
    }

    fn leave(&self, address: IpAddr) {
        let mut addresses = self.addresses();
        if let Some(count) = addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&address);
            }
        }
        if addresses.capacity() > 4 * addresses.len() + 64 {
            addresses.shrink_to_fit(); // what a rush needed is not kept
        }
    }

    fn addresses(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Every change leaves the map whole, so that a panic elsewhere does not spoil it.
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds one, unless there are `most` already; 0 is no limit.
fn take_one(count: &AtomicUsize, most: usize) -> bool {
    let next = |count| (most == 0 || count < most).then_some(count + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
}

/// What one client is known to have: an IPv4 address, or 64 bits of IPv6 addresses, of which it can choose any.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use rest::{Engine, RestConf};

    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn a_client_of_ipv6_has_64_bits_of_addresses_and_one_of_ipv4_has_one() {
        for (one, other, same) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let is_same = household(ip(one).unwrap()) == household(ip(other).unwrap());
            assert_eq!(is_same, same, "{one} and {other}");
        }
    }

    #[test]
    fn a_place_that_is_refused_is_not_taken() {
        let engine = WsMetrics::of(&Engine::new(RestConf::default()).metrics());
        let (route, other) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let conf = WsConf {
            max_connections: 4,
            max_connections_per_route: 3,
            max_connections_per_ip: 2,
            ..WsConf::default()
        };
        let take = |route: &Arc<AtomicUsize>, address| {
            Place::take(&engine, route.clone(), &conf, address).map_err(HandshakeError::cause)
        };
        let two = [take(&route, ip("192.0.2.1")), take(&route, ip("192.0.2.1"))];
        assert!(two.iter().all(Result::is_ok));
        assert_eq!(take(&route, ip("192.0.2.1")).err(), Some("too_many_from_address"));
        let third = take(&route, ip("192.0.2.2"));
        assert!(third.is_ok());
        assert_eq!(take(&route, ip("192.0.2.3")).err(), Some("too_many_on_route"));
        let fourth = take(&other, None);
        assert!(fourth.is_ok());
        assert_eq!(take(&other, None).err(), Some("too_many"));

        drop((two, third, fourth));
        assert_eq!(engine.census.total.load(Ordering::Relaxed), 0);
        assert_eq!(route.load(Ordering::Relaxed), 0);
        assert!(engine.census.addresses().is_empty());
    }
}
