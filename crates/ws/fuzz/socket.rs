//! Feeds a server's socket with whatever comes: `cargo +nightly fuzz run socket -- -max_len=4096`, in `crates/ws`.
//!
//! What must hold of every input is in `receive.rs`. `corpus/socket` has an input for each kind of frame and offence; the
//! crate's tests replay it.

#![no_main]

mod receive;

libfuzzer_sys::fuzz_target!(|input: &[u8]| receive::check(input));
