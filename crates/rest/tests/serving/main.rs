//! Serving on real sockets: protocols, deadlines, addresses, and clients that mean no good.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod http1;
mod http2;
mod tls;
mod connections;
mod deadlines;
mod addresses;
mod hostile;
mod hostile_table;
#[cfg(unix)]
mod descriptors;

#[path = "../support/mod.rs"]
#[allow(dead_code, clippy::allow_attributes, reason = "each group of tests uses its part")]
mod support;
