//! Feeds a socket with whatever a peer may say: `cargo xtask fuzz socket`.
//!
//! What must hold of every input is in `receive.rs`. `corpus/socket` has an input for each kind of frame and offence; the
//! crate's tests replay it.

#![no_main]

mod receive;
mod reference;

libfuzzer_sys::fuzz_target!(|input: &[u8]| receive::check(input));
