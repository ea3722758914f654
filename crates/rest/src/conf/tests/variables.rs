//! Variables inside of values.

use super::*;

fn load(yaml: &str) -> Result<ChatConf, String> {
    chat_in(
        [("HOST", "example.org"), ("PORT", "4000"), ("ON", "true"), ("SLY", "a\nPort: 1"), ("WAIT", "7s")],
        yaml,
    )
}

#[test]
fn a_field_of_any_type_may_be_a_variable() {
    let conf = load(
        "
Host: ${HOST}
Port: ${PORT}
Name: ${PORT}
MaxConns: ${NONE:-7}
Middlewares: {Log: \"${ON}\", Trace: \"${OFF:-false}\"}
Shutdown: {WaitTime: \"${WAIT}\"}
Origins: [\"https://${HOST}:${PORT}\"]
Labels: {Team: \"${TEAM:-core}\"}
",
    )
    .unwrap();

    assert_eq!(
        (conf.rest.host.as_str(), conf.rest.port, conf.rest.name.as_str()),
        ("example.org", 4000, "4000")
    );
    assert_eq!((conf.rest.max_conns, conf.rest.shutdown.wait_time), (7, Duration::from_secs(7)));
    assert!(conf.rest.middlewares.log && !conf.rest.middlewares.trace);
    assert_eq!(conf.origins, ["https://example.org:4000"]);
    assert_eq!(conf.labels, [("Team".into(), "core".into())].into());
}

#[test]
fn what_a_variable_says_is_a_value_and_nothing_else() {
    let conf = load("Name: ${SLY}").unwrap();
    assert_eq!((conf.rest.name.as_str(), conf.rest.port), ("a\nPort: 1", RestConf::default().port));
}

#[test]
fn a_dollar_alone_is_a_dollar() {
    assert_eq!(load("Motd: abcd!@#$a12 3").unwrap().motd.unwrap(), "abcd!@#$a12 3");
    assert_eq!(load("Motd: $${HOST}").unwrap().motd.unwrap(), "${HOST}");
}

#[test]
fn a_mistake_names_line_and_key() {
    for (yaml, expected) in [
        (
            "Port: 1\nHost: ${NONE}",
            "yaml text:2: Host: the environment has no NONE; ${NONE:-} would be empty without it",
        ),
        (
            "\nPort: ${HOST}",
            "yaml text:2: Port: expected an integer from 0 to 65535, found string \"example.org\"",
        ),
        ("Port: ${P:-70000}", "yaml text:1: Port: 70000 is out of range, allowed 0 to 65535"),
    ] {
        assert_eq!(load(yaml).unwrap_err(), expected);
    }
}
