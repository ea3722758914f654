use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::RestConf;
use crate::metrics::{ConnectionMetrics, Metrics};

/// How many connections there are, in all and of each address, and how many there may be.
pub(super) struct Connections {
    /// Zero is no limit, of either.
    max: usize,
    max_per_ip: usize,
    open: Mutex<Open>,
    metrics: Arc<ConnectionMetrics>,
    /// Those that are being told that there are too many.
    refused: AtomicUsize,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_ip: HashMap<IpAddr, usize>,
}

impl Connections {
    pub(super) fn new(conf: &RestConf, metrics: &Metrics) -> Arc<Self> {
        Arc::new(Self {
            max: conf.max_connections,
            max_per_ip: conf.max_connections_per_ip,
            open: Mutex::default(),
            metrics: metrics.of(ConnectionMetrics::register),
            refused: AtomicUsize::new(0),
        })
    }

    /// Counts a connection while what is returned is there, unless there are too many.
    pub(super) fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Slot> {
        let ip = network(ip);
        let mut open = self.open();
        if self.max > 0 && open.total >= self.max {
            self.metrics.refused("total");
            return None;
        }
        if self.max_per_ip > 0 {
            let of_ip = open.by_ip.entry(ip).or_default();
            if *of_ip >= self.max_per_ip {
                self.metrics.refused("ip");
                return None;
            }
            *of_ip += 1;
        }
        open.total += 1;
        self.metrics.open.inc();
        Some(Slot { connections: self.clone(), ip })
    }

    /// Tells a client that there are too many, in plain HTTP: 503, and to come again in a second.
    ///
    /// As a few at a time are told, and each has a second, this costs little whoever asks for it. `None` if it is one more.
    pub(super) fn refuse(self: &Arc<Self>, mut tcp: TcpStream) -> Option<impl Future<Output = ()> + use<>> {
        if self.refused.fetch_add(1, Ordering::Relaxed) >= MAX_REFUSED {
            self.refused.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let refused = Refused(self.clone());
        Some(async move {
            let _refused = refused;
            let telling = async {
                tcp.write_all(REFUSAL).await?;
                tcp.shutdown().await?;
                // What is not read when a connection is closed resets it, and the answer with it.
                let mut rest = [0; 1024];
                while tcp.read(&mut rest).await? > 0 {}
                std::io::Result::Ok(())
            };
            let _ = tokio::time::timeout(TELLING, telling).await;
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Every change leaves the counts whole, so that a panic elsewhere does not spoil them.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, until it is dropped.
pub(super) struct Slot {
    connections: Arc<Connections>,
    ip: IpAddr,
}

impl Slot {
    pub(super) fn metrics(&self) -> Arc<ConnectionMetrics> {
        self.connections.metrics.clone()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.total -= 1;
        if let Some(of_ip) = open.by_ip.get_mut(&self.ip) {
            *of_ip -= 1;
            if *of_ip == 0 {
                open.by_ip.remove(&self.ip);
            }
        }
        self.connections.metrics.open.dec();
    }
}

/// One that is being told.
struct Refused(Arc<Connections>);

impl Drop for Refused {
    fn drop(&mut self) {
        self.0.refused.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What counts as one address: of IPv6 the network, as whoever has one address there has 2^64 of them.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// How long telling a client may take.
const TELLING: Duration = Duration::from_secs(1);
/// How many are told at a time; others are closed without a word.
const MAX_REFUSED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(max_connections: usize, max_connections_per_ip: usize) -> Arc<Connections> {
        let conf = RestConf { max_connections, max_connections_per_ip, ..RestConf::default() };
        Connections::new(&conf, &Metrics::new())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn there_are_so_many_in_all() {
        let connections = connections(2, 0);
        let first = connections.admit(ip("10.0.0.1")).unwrap();
        let _second = connections.admit(ip("10.0.0.1")).unwrap();
        assert!(connections.admit(ip("10.0.0.2")).is_none());

        drop(first);
        assert!(connections.admit(ip("10.0.0.2")).is_some());
    }

    #[test]
    fn there_are_so_many_of_an_address() {
        let connections = connections(0, 1);
        let first = connections.admit(ip("10.0.0.1")).unwrap();
        assert!(connections.admit(ip("::ffff:10.0.0.1")).is_none(), "the same, as IPv6 has it");
        let _other = connections.admit(ip("10.0.0.2")).unwrap();
        let _six = connections.admit(ip("2001:db8::1")).unwrap();
        assert!(connections.admit(ip("2001:db8::2:1")).is_none(), "the same network");
        assert!(connections.admit(ip("2001:db8:0:1::1")).is_some(), "another network");

        drop(first);
        assert!(connections.admit(ip("10.0.0.1")).is_some());
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let connections = connections(0, 1);
        drop(connections.admit(ip("10.0.0.1")));
        assert!(connections.open().by_ip.is_empty());
    }

    #[test]
    fn they_are_counted() {
        let metrics = Metrics::new();
        let conf = RestConf { max_connections: 1, ..RestConf::default() };
        let connections = Connections::new(&conf, &metrics);
        let _first = connections.admit(ip("10.0.0.1"));
        assert!(connections.admit(ip("10.0.0.2")).is_none());

        let text = metrics.text();
        assert!(text.contains("http_server_connections_open 1\n"), "{text}");
        assert!(text.contains("http_server_connections_refused_total{limit=\"total\"} 1\n"), "{text}");
    }
}
