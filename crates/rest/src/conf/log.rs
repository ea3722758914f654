//! Where a service's log goes, and what is in it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::range;

/// The log of a service: what [`RestConf::init_log`](crate::RestConf::init_log) sets up.
///
/// Nothing is set up unless it is asked for: a process has one log, and that is the program's affair.
///
/// In files there are `access.log`, `error.log`, `slow.log` and `stat.log`, and each line is in one of them. Days are UTC's.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LogConf {
    /// The service's name, which is a folder's with [`LogMode::Volume`]. Default that of the service.
    pub service_name: String,
    /// Where the log goes: `console`, `file` or `volume`. Default `console`.
    pub mode: LogMode,
    /// What a line looks like: `json` or `plain`. Default `json`.
    pub encoding: LogEncoding,
    /// Without effect, so that files of go-zero load: times are RFC 3339, in UTC, with microseconds. Default none.
    pub time_format: String,
    /// The folder of the files. Default `logs`, in the folder that the process runs in. It is made if it is not there.
    pub path: PathBuf,
    /// The least level that is written: `debug`, `info`, `warn`, `error` or `severe`. Default `info`.
    pub level: LogLevel,
    /// How many bytes of a line's message are written in JSON; 0 is all. Default 0. The line then says `truncated`.
    pub max_content_length: u32,
    /// Whether files are packed by gzip once they are full. Default no.
    pub compress: bool,
    /// Whether statistics are written, such as the line of each minute. Default yes.
    pub stat: bool,
    /// After how many days a file that is full is removed; 0 is never. Default 0.
    pub keep_days: u32,
    /// Without effect, so that files of go-zero load: nothing here writes stacks. Default 100.
    pub stack_cooldown_millis: u32,
    /// How many full files are kept beside the one that is written, with [`LogRotation::Size`]; 0 is all. Default 0.
    pub max_backups: u32,
    /// How many megabytes a file may have with [`LogRotation::Size`], 0 to 1048576; 0 is no limit. Default 0.
    #[serde(with = "range::Integer::<0, 1_048_576>")]
    pub max_size: u32,
    /// When a file is full: `daily` or `size`. Default `daily`.
    pub rotation: LogRotation,
    /// Without effect, so that files of go-zero load: full files are named by their day in UTC, as in
    /// `access.log-2026-01-31`, or by the time to the millisecond with [`LogRotation::Size`]. Default none.
    pub file_time_format: String,
    /// What the keys of JSON lines are called.
    pub field_keys: LogFieldKeysConf,
}

impl Default for LogConf {
    fn default() -> Self {
        Self {
            service_name: String::new(),
            mode: LogMode::Console,
            encoding: LogEncoding::Json,
            time_format: String::new(),
            path: "logs".into(),
            level: LogLevel::Info,
            max_content_length: 0,
            compress: false,
            stat: true,
            keep_days: 0,
            stack_cooldown_millis: 100,
            max_backups: 0,
            max_size: 0,
            rotation: LogRotation::Daily,
            file_time_format: String::new(),
            field_keys: LogFieldKeysConf::default(),
        }
    }
}

/// Where a log goes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogMode {
    /// `console`: standard error. Standard output is the program's own.
    #[default]
    Console,
    /// `file`: into files below [`LogConf::path`].
    File,
    /// `volume`: into files below `<path>/<service name>/<host name>`, for volumes that several hosts share.
    Volume,
}

/// What a line of a log looks like.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogEncoding {
    /// `json`: an object per line, for machines.
    #[default]
    Json,
    /// `plain`: text, for people.
    Plain,
}

/// The least level that is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogLevel {
    /// `debug`: what helps to find a mistake.
    Debug,
    /// `info`: what happens.
    #[default]
    Info,
    /// `warn`: what should not happen often. go-zero has no such level.
    Warn,
    /// `error`: what should not happen.
    Error,
    /// `severe`: here the same as `error`.
    Severe,
}

/// When a file of a log is full.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogRotation {
    /// `daily`: at the end of the day.
    #[default]
    Daily,
    /// `size`: when it has [`LogConf::max_size`].
    Size,
}

/// What the keys of JSON lines are called, for those who read them. Empty is the default, also in a file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LogFieldKeysConf {
    /// Where in the code the line is from. Default `caller`.
    pub caller_key: String,
    /// The message. Default `content`.
    pub content_key: String,
    /// How long it took. Default `duration`.
    pub duration_key: String,
    /// How bad it is. Default `level`.
    pub level_key: String,
    /// The span that it is from. Default `span`.
    pub span_key: String,
    /// When. Default `@timestamp`.
    pub timestamp_key: String,
    /// The trace that it is from. Default `trace`.
    pub trace_key: String,
    /// Whether the message was cut. Default `truncated`.
    pub truncated_key: String,
}

impl Default for LogFieldKeysConf {
    fn default() -> Self {
        Self {
            caller_key: "caller".to_owned(),
            content_key: "content".to_owned(),
            duration_key: "duration".to_owned(),
            level_key: "level".to_owned(),
            span_key: "span".to_owned(),
            timestamp_key: "@timestamp".to_owned(),
            trace_key: "trace".to_owned(),
            truncated_key: "truncated".to_owned(),
        }
    }
}
