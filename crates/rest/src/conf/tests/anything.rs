//! Whatever a file says, loading it ends with a configuration or a reason.

use proptest::prelude::*;

use super::*;

const FORMATS: [Format; 4] = [Format::Yaml, Format::Toml, Format::Json, Format::Json5];

fn load(text: &str) {
    for format in FORMATS {
        let loaded = Loader::new().environment([("A", "1"), ("B", "${A}")]).parse::<ChatConf>(text, format);
        if let Err(error) = loaded {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Pieces that mean something to a parser, or to us.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "Name",
        "Port",
        "Shutdown",
        "WaitTime",
        "Hub",
        "Labels",
        "Motd",
        ":",
        ": ",
        "=",
        "\n",
        "\n  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "[[",
        ",",
        "\"",
        "'",
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "|\n",
        "# ",
        "// ",
        "/*",
        "*/",
        "${A}",
        "${",
        "${A:-1}",
        "$${",
        "1",
        "-1",
        "1e999",
        "0x7f",
        ".inf",
        "3s",
        "true",
        "~",
        "null",
        "\\",
        "\t",
        "---\n",
        "%TAG ",
        "\u{feff}",
        "\u{0}",
        "ä",
        "99999999999999999999999",
    ];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(str::to_owned), "\\PC{0,5}"]
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in any::<String>()) {
        load(&text);
    }

    #[test]
    fn no_text_of_meaningful_pieces_makes_the_loader_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        load(&pieces.concat());
    }

    #[test]
    fn no_value_of_any_key_makes_the_loader_panic(key in 0usize..200, value in "\\PC{0,20}") {
        let keys = serde_json::to_value(ChatConf::default()).unwrap();
        let keys: Vec<_> = keys.as_object().unwrap().keys().collect();
        load(&format!("{}: {value}", keys[key % keys.len()]));
    }
}

#[test]
fn no_depth_makes_the_loader_overflow() {
    for text in ["[", "{\"a\":", "- ", "a: [", "a = [", "{a: [", "'"] {
        load(&text.repeat(50_000));
    }
    let dotted = "a.".repeat(50_000);
    load(&format!("{dotted}b = 1"));
    load(&format!("[{dotted}b]"));
}

#[test]
fn a_file_beyond_any_configuration_is_refused() {
    let file = TempFile::new("large.yaml", &"# nothing\n".repeat(110_000));
    let error = RestConf::load(&file.0).unwrap_err().to_string();
    assert!(error.ends_with("large.yaml: cannot be read: it is larger than 1 MiB"), "{error}");
}
