//! Numbers that look like chance, and need none.

/// The next of a sequence of numbers that nobody guesses to repeat: splitmix64.
pub(crate) fn mix(last: u64) -> u64 {
    let mut number = last.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
