//! The fuzz targets' corpora, replayed on any compiler, as they are and as chance makes them.

#[path = "../fuzz/receive.rs"]
mod receive;
#[path = "../fuzz/reference.rs"]
mod reference;
#[path = "../fuzz/shake.rs"]
mod shake;

use std::fs;
use std::path::Path;

use fastrand::Rng;

/// A target's corpus, file by file.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).expect("the corpus").map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> =
        files.map(|file| (file.display().to_string(), fs::read(&file).expect("a file"))).collect();
    assert!(files.len() >= 15, "{} files in {}", files.len(), folder.display());
    files.sort(); // the order of a folder is anybody's
    files
}

#[test]
fn whatever_is_in_the_corpus_is_received_alike_in_all_pieces() {
    for (file, mut input) in corpus("socket") {
        for size in [input[1], 1, 2, 7, 100] {
            input[1] = size;
            for options in 0..16 {
                input[0] = options;
                let panic = std::panic::catch_unwind(|| receive::check(&input));
                assert!(panic.is_ok(), "{file} with options {options}, in pieces of {size}");
            }
        }
    }
}

#[test]
fn whatever_headers_are_in_the_corpus_are_answered_as_a_slow_judge_answers_them() {
    for (file, input) in corpus("handshake") {
        let panic = std::panic::catch_unwind(|| shake::check(&input));
        assert!(panic.is_ok(), "{file}");
    }
}

#[test]
fn whatever_chance_makes_of_the_corpus_is_received_alike_in_all_pieces() {
    mutated("socket", 2, 1000, receive::check);
}

#[test]
fn whatever_headers_chance_makes_are_answered_as_a_slow_judge_answers_them() {
    mutated("handshake", 1, 200, shake::check);
}

/// As many inputs as a run has time for, which begin with so many bytes of options; `ZEROXIDE_FUZZ_INPUTS` says another number,
/// `ZEROXIDE_FUZZ_SEED` another seed.
fn mutated(target: &str, options: usize, inputs: u64, check: fn(&[u8])) {
    let told =
        |variable, default| std::env::var(variable).map_or(default, |it| it.parse().expect("a number"));
    let mut random = Rng::with_seed(told("ZEROXIDE_FUZZ_SEED", 1));
    let corpus = corpus(target);
    for count in 0..told("ZEROXIDE_FUZZ_INPUTS", inputs) {
        let input = mutate(&corpus, options, &mut random);
        let panic = std::panic::catch_unwind(|| check(&input));
        assert!(panic.is_ok(), "input {count}: {input:?}");
    }
}

/// Some inputs, one behind the other, and then some bytes of it changed, doubled, taken out.
fn mutate(corpus: &[(String, Vec<u8>)], options: usize, random: &mut Rng) -> Vec<u8> {
    let mut input: Vec<_> = (0..options).map(|_| random.u8(..)).collect();
    for _ in 0..random.usize(1..4) {
        input.extend(&corpus[random.usize(..corpus.len())].1[options..]);
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
            _ => input.truncate(begin.max(options)),
        }
    }
    input
}
