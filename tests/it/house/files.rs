//! What every file must hold to.

use super::repository::{code_below, files, files_with, read, root};

const MAX_LINES: usize = 450;
const MAX_LINES_OF_THE_CHAT: usize = 120;
const MAX_LINES_OF_ITS_SERVER: usize = 600;
const MAX_LINES_OF_ITS_FILES: usize = 200;
const MAX_BYTES_OF_HUB_JS: usize = 6 << 10;

#[test]
fn no_source_file_is_longer_than_450_lines() {
    for file in files_with(&["rs", "js", "cjs", "css", "html", "py"]) {
        let lines = read(file).lines().count();
        assert!(lines <= MAX_LINES, "{file} has {lines} lines, more than {MAX_LINES}");
    }
}

#[test]
fn the_chat_fits_into_120_lines() {
    let lines = read("examples/chat/src/main.rs").lines().count();
    assert!(lines <= MAX_LINES_OF_THE_CHAT, "{lines} lines, more than {MAX_LINES_OF_THE_CHAT}");
}

#[test]
fn the_chat_s_server_has_under_600_lines_of_code_and_no_file_of_the_chat_over_200() {
    let is_server = |file: &str| file.starts_with("examples/chat/src/");
    let is_page = |file: &str| file.starts_with("examples/chat/page/") && !file.contains("/test/");
    let mut code = 0;
    for file in files_with(&["rs", "js"]).filter(|file| is_server(file) || is_page(file)) {
        // Tests are not what one must read.
        let text = read(file).split("\n#[cfg(test)]").next().unwrap_or_default().to_owned();
        let lines = text.lines().count();
        assert!(
            lines <= MAX_LINES_OF_ITS_FILES,
            "{file} has {lines} lines, more than {MAX_LINES_OF_ITS_FILES}"
        );
        if is_server(file) {
            let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
            code += text.lines().map(str::trim).filter(is_code).count();
        }
    }
    assert!(code < MAX_LINES_OF_ITS_SERVER, "{code} lines, not under {MAX_LINES_OF_ITS_SERVER}");
}

#[test]
fn the_browser_s_client_fits_into_6_kilobytes() {
    let bytes = read("examples/chat/page/hub/hub.js").len();
    assert!(bytes < MAX_BYTES_OF_HUB_JS, "{bytes} bytes, not under {MAX_BYTES_OF_HUB_JS}");
}

#[test]
fn nothing_is_left_undone_or_ignored() {
    // In two parts, as this file is read too.
    let undone = [concat!("todo", "!"), concat!("unimplemented", "!"), concat!("#[", "ignore")];
    for (file, code) in code_below("") {
        for undone in undone {
            assert!(!code.contains(undone), "{file} has {undone}");
        }
    }
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    // In two parts, as this file is read too.
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    for file in files() {
        let content = std::fs::read(root().join(file)).expect("the file can be read");
        let content = String::from_utf8_lossy(&content);
        for (index, line) in content.lines().enumerate() {
            for folder in folders {
                assert!(
                    !line.contains(folder),
                    "{file}:{}: {folder} is there on no other machine",
                    index + 1
                );
            }
        }
    }
}
