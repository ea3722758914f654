//! A file that was written for a service of go-zero's starts one of ours, as it is.

use serde_json::Value;

use crate::folder::Folder;
use crate::program::{Program, command, output};
use crate::raw;

/// Every key that go-zero's `rest.RestConf` has, at its documented default or as services have it.
const YAML: &str = "
Name: greet-api
Host: 127.0.0.1
Port: 8888
CertFile: ''
KeyFile: ''
Verbose: false
MaxConns: 10000
MaxBytes: 1048576
Timeout: 3000
CpuThreshold: 900
Signature:
  Strict: false
  Expiry: 1h
  PrivateKeys: []
Middlewares:
  Trace: true
  Log: true
  Prometheus: true
  MaxConns: true
  Breaker: true
  Shedding: true
  Timeout: true
  Recover: true
  Metrics: true
  MaxBytes: true
  Gunzip: true
TraceIgnorePaths:
  - /healthz
Log:
  ServiceName: greet-api
  Mode: file
  Encoding: json
  TimeFormat: '2006-01-02T15:04:05.000Z07:00'
  Path: logs
  Level: info
  MaxContentLength: 0
  Compress: false
  Stat: true
  KeepDays: 0
  StackCooldownMillis: 100
  MaxBackups: 0
  MaxSize: 0
  Rotation: daily
  FileTimeFormat: '2006-01-02T15:04:05.000Z07:00'
  FieldKeys:
    CallerKey: caller
    ContentKey: content
    DurationKey: duration
    LevelKey: level
    SpanKey: span
    TimestampKey: '@timestamp'
    TraceKey: trace
    TruncatedKey: truncated
Mode: pro
MetricsUrl: ''
Prometheus:
  Host: ''
  Port: 9101
  Path: /metrics
Telemetry:
  Name: greet-api
  Endpoint: ''
  Sampler: 1.0
  Batcher: otlpgrpc
  OtlpHeaders: {}
  OtlpHttpPath: ''
  OtlpHttpSecure: false
  Disabled: false
DevServer:
  Enabled: true
  Host: 127.0.0.1
  Port: 6060
  MetricsPath: /metrics
  HealthPath: /healthz
  EnableMetrics: true
  EnablePprof: true
  HealthResponse: OK
Shutdown:
  WrapUpTime: 1s
  WaitTime: 5.5s
Profiling:
  Name: greet-api
  ServerAddr: ''
  AuthUser: ''
  AuthPassword: ''
  UploadRate: 15s
  CheckInterval: 10s
  ProfilingDuration: 2m
  CpuThreshold: 700
  ProfileType:
    Logger: false
    CPU: true
    Goroutines: true
    Memory: true
    Mutex: false
    Block: false
";

#[tokio::test]
async fn a_file_of_go_zeros_starts_a_service_as_it_is() {
    let folder = Folder::new();
    let file = folder.file("greet-api.yaml", YAML);
    let mut hello = command("hello");
    // The ports alone are taken from elsewhere: this machine may use them.
    hello.current_dir(folder.path()).arg("-f").arg(&file).env("ZEROXIDE__DEVSERVER__PORT", "0");
    let hello = Program::start(&mut hello).await;

    let answer = raw::get(hello.addr(), "/hello/Ann").await;
    assert_eq!((answer.status(), answer.body.as_str()), ("200 OK", r#"{"message":"Hello, Ann!"}"#));

    let log = std::fs::read_to_string(folder.path().join("logs/access.log")).expect("it logs into files");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.iter().any(|line| line["path"] == "/hello/Ann" && line["trace"].is_string()), "{log}");
    let without_effect =
        lines.iter().find_map(|line| line["content"].as_str().filter(|it| it.contains("no effect")));
    assert!(without_effect.is_some_and(|it| it.ends_with("DevServer.EnablePprof")), "{log}");
}

#[tokio::test]
async fn a_slip_in_such_a_file_is_told_with_its_line() {
    let folder = Folder::new();
    let file = folder.file("greet-api.yaml", &YAML.replace("Breaker: true", "Braker: true"));
    let end = output(command("hello").arg("-f").arg(&file)).await;
    let said = String::from_utf8_lossy(&end.stderr);
    let line = YAML.lines().position(|line| line.contains("Breaker")).expect("it is there") + 1;
    assert!(!end.status.success(), "{said}");
    for part in ["Middlewares.Braker", &format!("greet-api.yaml:{line}:")] {
        assert!(said.contains(part), "no {part} in {said}");
    }
}
