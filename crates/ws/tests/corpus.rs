//! The fuzz target's corpus, replayed on any compiler.

#[path = "../fuzz/receive.rs"]
mod receive;

use std::fs;
use std::path::Path;

#[test]
fn whatever_is_in_the_corpus_is_received_alike_in_all_pieces() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/socket");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert!(files.len() >= 30, "{} files in {}", files.len(), folder.display());
    for file in files {
        let mut input = fs::read(&file).unwrap();
        for size in [input[1], 1, 2, 7, 100] {
            input[1] = size;
            for options in 0..8 {
                input[0] = options;
                let panic = std::panic::catch_unwind(|| receive::check(&input));
                assert!(panic.is_ok(), "{} with options {options}, in pieces of {size}", file.display());
            }
        }
    }
}
