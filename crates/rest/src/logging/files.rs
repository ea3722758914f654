use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use jiff::Timestamp;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::rolling::Rolling;
use super::{SLOW, STAT};
use crate::conf::{ConfError, LogConf, LogMode};

/// The files of a log, go-zero's: `access.log`, `error.log`, `slow.log` and `stat.log`. Each line is in one of them.
pub(super) struct Files {
    access: Mutex<Rolling>,
    error: Mutex<Rolling>,
    slow: Mutex<Rolling>,
    stat: Mutex<Rolling>,
}

impl Files {
    pub(super) fn open(conf: &LogConf) -> Result<Self, ConfError> {
        let folder = folder(conf);
        let failed = |error: io::Error| ConfError::new("Log.Path", format!("{}: {error}", folder.display()));
        fs::create_dir_all(&folder).map_err(failed)?;
        let open = |name: &str| {
            Rolling::open(folder.join(name), conf, Timestamp::now()).map(Mutex::new).map_err(failed)
        };
        Ok(Self {
            access: open("access.log")?,
            error: open("error.log")?,
            slow: open("slow.log")?,
            stat: open("stat.log")?,
        })
    }
}

fn folder(conf: &LogConf) -> PathBuf {
    match conf.mode {
        LogMode::Volume => conf.path.join(&conf.service_name).join(host_name()),
        LogMode::Console | LogMode::File => conf.path.clone(),
    }
}

/// What this machine is called, or `localhost` where that cannot be found out.
fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| env::var("HOSTNAME"));
    let name = name.unwrap_or_default().trim().replace(['/', '\\'], "-");
    if name.is_empty() { "localhost".to_owned() } else { name }
}

impl<'f> MakeWriter<'f> for Files {
    type Writer = Line<'f>;

    fn make_writer(&'f self) -> Line<'f> {
        Line(&self.access)
    }

    fn make_writer_for(&'f self, metadata: &Metadata<'_>) -> Line<'f> {
        Line(match (metadata.target(), *metadata.level()) {
            (SLOW, _) => &self.slow,
            (STAT, _) => &self.stat,
            (_, Level::ERROR) => &self.error,
            _ => &self.access,
        })
    }
}

/// Writes one line into a file.
pub(super) struct Line<'f>(&'f Mutex<Rolling>);

impl Write for Line<'_> {
    /// Takes a whole line, as all who log here write it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A panic elsewhere leaves the file as good as it was.
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if file.write(line, Timestamp::now()).is_err() {
            io::stderr().write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
