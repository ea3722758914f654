//! The built-in middlewares, as a client and an operator see them.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod recover;
mod stat;
mod timeout;
mod max_bytes;
mod max_conns;
mod access_log;
mod switches;
mod classification;

#[path = "../support/mod.rs"]
#[allow(dead_code, clippy::allow_attributes, reason = "each group of tests uses its part")]
mod support;
