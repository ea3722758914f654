//! The fuzz target's corpus, replayed on any compiler, as it is and as chance makes it.

#[path = "../fuzz/receive.rs"]
mod receive;

use std::fs;
use std::path::Path;

use fastrand::Rng;

/// The corpus, file by file.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/socket");
    let files = fs::read_dir(&folder).expect("the corpus").map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> =
        files.map(|file| (file.display().to_string(), fs::read(&file).expect("a file"))).collect();
    assert!(files.len() >= 30, "{} files in {}", files.len(), folder.display());
    files.sort(); // the order of a folder is anybody's
    files
}

#[test]
fn whatever_is_in_the_corpus_is_received_alike_in_all_pieces() {
    for (file, mut input) in corpus() {
        for size in [input[1], 1, 2, 7, 100] {
            input[1] = size;
            for options in 0..8 {
                input[0] = options;
                let panic = std::panic::catch_unwind(|| receive::check(&input));
                assert!(panic.is_ok(), "{file} with options {options}, in pieces of {size}");
            }
        }
    }
}

/// As many as a run has time for; `ZEROXIDE_FUZZ_INPUTS` says another number, `ZEROXIDE_FUZZ_SEED` another seed.
#[test]
fn whatever_chance_makes_of_the_corpus_is_received_alike_in_all_pieces() {
    let told =
        |variable, default| std::env::var(variable).map_or(default, |it| it.parse().expect("a number"));
    let mut random = Rng::with_seed(told("ZEROXIDE_FUZZ_SEED", 1));
    let corpus = corpus();
    for count in 0..told("ZEROXIDE_FUZZ_INPUTS", 1000) {
        let input = mutate(&corpus, &mut random);
        let panic = std::panic::catch_unwind(|| receive::check(&input));
        assert!(panic.is_ok(), "input {count}: {input:?}");
    }
}

/// Some inputs, one behind the other, and then some bytes of it changed, doubled, taken out.
fn mutate(corpus: &[(String, Vec<u8>)], random: &mut Rng) -> Vec<u8> {
    let mut input = vec![random.u8(..), random.u8(..)];
    for _ in 0..random.usize(1..4) {
        input.extend(&corpus[random.usize(..corpus.len())].1[2..]);
    }
    for _ in 0..random.usize(0..6) {
        if input.is_empty() {
            break;
        }
        let begin = random.usize(..input.len());
        let end = (begin + random.usize(1..20)).min(input.len());
        match random.u8(..5) {
            0 => input[begin] ^= 1 << random.u8(..8),
            1 => input[begin] = random.u8(..),
            2 => drop(input.drain(begin..end)),
            3 => {
                let piece = input[begin..end].to_vec();
                let at = random.usize(..=input.len());
                input.splice(at..at, piece);
            }
            _ => input.truncate(begin.max(2)),
        }
    }
    input
}
