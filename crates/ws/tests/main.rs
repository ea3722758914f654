//! The crate as its users and their clients see it: requests, frames, times.

mod support;
mod tenure;
mod handshake;
mod http2;
mod origin;
mod messages;
mod sending;
mod violations;
mod attacks;
mod corpus;
mod gate;
mod deflate;
mod closing;
mod caps;
mod deadlines;
mod session;
mod stopping;
mod pump;
mod speak;
mod relay;
mod client;
mod dialer;
mod dialer_http2;
mod reconnecting;
