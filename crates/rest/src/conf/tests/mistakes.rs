//! What operators are told.

use super::*;

#[test]
fn an_unknown_key_is_an_error_that_helps() {
    for (yaml, expected) in [
        ("Prot: 1", "unknown key Prot, did you mean Port?"),
        ("Shutdown: {WaitTme: 1s}", "unknown key Shutdown.WaitTme, did you mean Shutdown.WaitTime?"),
        ("Hub: {Deep: {Cuont: 1}}", "unknown key Hub.Deep.Cuont, did you mean Hub.Deep.Count?"),
        (
            "Shutdown: {Fast: true}",
            "unknown key Shutdown.Fast, allowed are Shutdown.WaitTime, Shutdown.WrapUpTime",
        ),
        ("Hub: {Port: 1}", "unknown key Hub.Port, allowed are Hub.Deep, Hub.LogLength, Hub.MaxAge"),
    ] {
        assert_eq!(chat(yaml).unwrap_err(), format!("yaml text:1: {expected}"));
    }
}

#[test]
fn a_wrong_value_is_an_error_that_names_its_key_even_through_flatten() {
    for (yaml, expected) in [
        ("Port: 70000", "Port: 70000 is out of range, allowed 0 to 65535"),
        ("Port: -1", "Port: -1 is out of range, allowed 0 to 65535"),
        ("Port: abc", "Port: expected an integer from 0 to 65535, found string \"abc\""),
        ("Port: 80.5", "Port: expected an integer from 0 to 65535, found floating point 80.5"),
        ("Port: {A: 1}", "Port: expected an integer from 0 to 65535, found a section"),
        ("MaxConns: abc", "MaxConns: expected an integer, found string \"abc\""),
        ("MaxConns: -5", "MaxConns: -5 is out of range, allowed 0 to 18446744073709551615"),
        ("max_header_bytes: 100", "MaxHeaderBytes: 100 is out of range, allowed 8192 to 1048576"),
        ("Name:", "Name: expected a string, found nothing"),
        ("Name: 5", "Name: expected a string, found integer 5"),
        ("Timeout: -1", "Timeout: a duration cannot be negative"),
        (
            "Timeout: soon",
            "Timeout: expected a duration, such as \"3s\" or 3000 for milliseconds, found string \"soon\"",
        ),
        ("Middlewares: {Log: yep}", "Middlewares.Log: expected a boolean, found string \"yep\""),
        ("Log: {Mode: stdout}", "Log.Mode: unknown variant stdout, expected one of console, file, volume"),
        ("Telemetry: {Sampler: 1.5}", "Telemetry.Sampler: 1.5 is out of range, allowed 0 to 1"),
        ("Shutdown:", "Shutdown: expected a section, found nothing"),
        ("Shutdown: 5", "Shutdown: expected a section, found integer 5"),
        ("Hub: {LogLength: 0}", "Hub.LogLength: 0 is out of range, allowed 1 to 4096"),
        ("Hub: {MaxAge: 2m}", "Hub.MaxAge: 2m is out of range, allowed 100ms to 1m"),
        ("Hub: {Deep: {Ratio: x}}", "Hub.Deep.Ratio: expected a number, found string \"x\""),
        ("Hub: {Deep: {Count: 128}}", "Hub.Deep.Count: 128 is out of range, allowed -128 to 127"),
        ("Limit: 65536", "Limit: 65536 is out of range, allowed 0 to 65535"),
        ("Origins: https://a", "Origins: expected a list, found string \"https://a\""),
        ("Labels: {A: 1}", "Labels: expected a string, found integer 1"),
        ("Entry: closed", "Entry: unknown variant closed, expected open or invited"),
        ("Mode: prod", "Mode: unknown variant prod, expected one of dev, test, rt, pre, pro"),
        ("CpuThreshold: 1000", "CpuThreshold: 1000 is out of range, allowed 0 to 999"),
        ("CertFile: [a]", "CertFile: expected a path, found a list"),
    ] {
        assert_eq!(chat(yaml).unwrap_err(), format!("yaml text:1: {expected}"), "{yaml}");
    }
}

#[test]
fn a_mistake_has_its_line() {
    let yaml = "Name: chat\nShutdown:\n  WrapUpTime: 1s\n  WaitTme: 1s\nPort: 1\n";
    assert_eq!(
        chat(yaml).unwrap_err(),
        "yaml text:4: unknown key Shutdown.WaitTme, did you mean Shutdown.WaitTime?"
    );
    let parse = |text, format| parse::<RestConf>(text, format).map(drop).unwrap_err().to_string();
    for (text, format, expected) in [
        (
            "# chat\n[Shutdown]\nWrapUpTime = '1s'\nwait_time = 'soon'\n",
            Format::Toml,
            "toml text:4: Shutdown.WaitTime: expected a duration",
        ),
        (
            "{\n\"Name\": \"a\",\n\"Port\": 70000}",
            Format::Json,
            "json text:3: Port: 70000 is out of range, allowed 0 to 65535",
        ),
        ("{\n// the port\nPrt: 1}", Format::Json5, "json5 text:3: unknown key Prt, did you mean Port?"),
        ("Port: 1\nport: 2\n", Format::Yaml, "yaml text:2: Port and port are the same key"),
    ] {
        let error = parse(text, format);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    for (name, value, expected) in [
        ("ZEROXIDE__PRT", "1", "unknown key prt, did you mean Port?"),
        ("ZEROXIDE__PORT", "70000", "Port: 70000 is out of range, allowed 0 to 65535"),
        ("ZEROXIDE__PORT", "abc", "Port: expected an integer from 0 to 65535, found string \"abc\""),
        ("ZEROXIDE__PORT__X", "1", "unknown key Port.x"),
        (
            "ZEROXIDE__MIDDLEWARES__LOG",
            "False",
            "Middlewares.Log: expected a boolean, found string \"False\"",
        ),
        ("ZEROXIDE__SHUTDOWN", "1", "Shutdown: expected a section, found integer 1"),
        (
            "ZEROXIDE__SHUTDOWN__WAITTIME",
            "x",
            "Shutdown.WaitTime: expected a duration, such as \"3s\" or 3000 for milliseconds, found string \"x\"",
        ),
        (
            "ZEROXIDE__MIRROR__URL",
            "x",
            "Mirror is not there by default, so that it can only be set as a whole, as JSON",
        ),
    ] {
        assert_eq!(chat_in([(name, value)], "").unwrap_err(), format!("{name}: {expected}"));
    }
    assert_eq!(
        chat_in([("ZEROXIDE__MAX_CONNS", "1"), ("ZEROXIDE__MAXCONNS", "2")], "").unwrap_err(),
        "ZEROXIDE__MAX_CONNS: ZEROXIDE__MAXCONNS is the same key"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = RestConf::load("etc/none.yaml").unwrap_err().to_string();
    assert!(error.starts_with("etc/none.yaml: cannot be read: "), "{error}");

    for path in ["etc/chat.ini", "etc/chat"] {
        assert_eq!(RestConf::load(path).unwrap_err().to_string(), format!("unrecognized file type: {path}"));
    }

    let file = TempFile::new("broken.toml", "Port = \n");
    let error = RestConf::load(&file.0).unwrap_err();
    let expected = format!("{}: TOML parse error at line 1, column 8: ", file.0.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert_eq!(format!("{error:?}"), error.to_string(), "main may return it");
}

#[test]
fn a_type_with_two_fields_for_one_key_is_refused() {
    #[derive(Default, Deserialize, Serialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Shadowing {
        name: String,
        #[serde(flatten)]
        rest: RestConf,
    }

    let error = parse::<Shadowing>("", Format::Yaml).map(drop).unwrap_err().to_string();
    assert!(error.contains("Shadowing: it has two fields for one key, Name and Name"), "{error}");
}

#[test]
fn a_default_out_of_its_own_range_is_the_types_fault() {
    #[derive(Debug, Default, Deserialize, Serialize)]
    #[serde(default)]
    struct Wrong {
        #[serde(with = "range::Integer::<1, 2>")]
        size: u8,
    }

    let error = parse::<Wrong>("", Format::Yaml).unwrap_err().to_string();
    assert!(error.ends_with("Wrong by default: 0 is out of range, allowed 1 to 2"), "{error}");
}

#[test]
fn settings_that_fit_only_together_are_not_blamed_alone() {
    #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
    #[serde(default, try_from = "Raw")]
    struct Window {
        min: u8,
        max: u8,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Raw {
        min: u8,
        max: u8,
    }
    impl TryFrom<Raw> for Window {
        type Error = String;
        fn try_from(Raw { min, max }: Raw) -> Result<Self, String> {
            if min <= max { Ok(Self { min, max }) } else { Err(format!("min {min} is above max {max}")) }
        }
    }

    assert_eq!(parse::<Window>("{min: 20, max: 30}", Format::Yaml).unwrap(), Window { min: 20, max: 30 });
}
