use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::conf::{LogConf, LogRotation};

/// A file that is put aside when it is full, under a name that sorts by time; those that are too old or too many are removed.
///
/// By hand: the library of `tracing` for this knows no size, and others panic when somebody else moves a file.
pub(super) struct Rolling {
    path: PathBuf,
    /// `None` with [`LogRotation::Daily`], zero where there is no limit.
    max_bytes: Option<u64>,
    keep_days: u32,
    max_backups: usize,
    compresses: bool,
    file: File,
    len: u64,
    /// When the file was last written.
    day: Date,
    /// Packs what was put aside last.
    packing: Option<JoinHandle<()>>,
}

impl Rolling {
    /// Opens a file, to go on where it ends.
    pub(super) fn open(path: PathBuf, conf: &LogConf, now: Timestamp) -> io::Result<Self> {
        let file = open(&path)?;
        let metadata = file.metadata()?;
        let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        let (max_bytes, max_backups) = match conf.rotation {
            LogRotation::Daily => (None, 0),
            LogRotation::Size => (Some(u64::from(conf.max_size) << 20), conf.max_backups),
        };
        let mut rolling = Self {
            path,
            max_bytes,
            keep_days: conf.keep_days,
            max_backups: usize::try_from(max_backups).unwrap_or(usize::MAX),
            compresses: conf.compress,
            file,
            len: metadata.len(),
            day: day(modified.unwrap_or(now)),
            packing: None,
        };
        rolling.clear(now);
        Ok(rolling)
    }

    /// Writes a line, into a new file if the one that is there is full.
    ///
    /// If that cannot be put aside, the line goes into it all the same.
    pub(super) fn write(&mut self, line: &[u8], now: Timestamp) -> io::Result<()> {
        if self.is_full(line, now) {
            // Not again before the next day, or as many bytes later.
            self.len = 0;
            if self.put_aside(now).is_err() {
                self.day = day(now);
            }
        }
        self.file.write_all(line)?;
        self.len += line.len() as u64;
        self.day = day(now);
        Ok(())
    }

    fn is_full(&self, line: &[u8], now: Timestamp) -> bool {
        match self.max_bytes {
            None => self.len > 0 && day(now) > self.day,
            Some(0) => false,
            Some(max) => self.len > 0 && self.len + line.len() as u64 > max,
        }
    }

    fn put_aside(&mut self, now: Timestamp) -> io::Result<()> {
        let stamp = match self.max_bytes {
            None => self.day.to_string(),
            Some(_) => now.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H%M%S.%3f").to_string(),
        };
        let mut aside = self.aside(&stamp);
        let mut number = 0;
        while aside.exists() || packed(&aside).exists() {
            number += 1;
            aside = self.aside(&format!("{stamp}.{number}"));
        }
        match fs::rename(&self.path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // somebody else has
            renamed => renamed?,
        }
        self.file = open(&self.path)?;
        if self.compresses {
            self.wait();
            // A thread, as packing takes long, and whoever logs must not wait; the next one waits for it, and so does the end.
            let thread = std::thread::Builder::new().name("log-gzip".to_owned());
            self.packing = Some(thread.spawn(move || drop(pack(&aside)))?);
        }
        self.clear(now);
        Ok(())
    }

    /// Removes what is too old or too much. What cannot be removed stays.
    fn clear(&mut self, now: Timestamp) {
        let prefix = self.aside("");
        let folder = self.path.parent().map(fs::read_dir);
        let entries = folder.into_iter().flatten().flatten().flatten().map(|entry| entry.path());
        let mut asides: Vec<_> = entries.filter_map(|path| Some((stamp(&prefix, &path)?, path))).collect();
        asides.sort();
        let too_many = match self.max_backups {
            0 => 0,
            max => asides.len().saturating_sub(max),
        };
        let oldest = i64::from(self.keep_days).days();
        let oldest = day(now).checked_sub(oldest).ok().filter(|_| self.keep_days > 0);
        for (index, ((date, _), path)) in asides.iter().enumerate() {
            if index < too_many || oldest.is_some_and(|oldest| *date < oldest) {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn aside(&self, stamp: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!("-{stamp}"));
        name.into()
    }

    fn wait(&mut self) {
        if let Some(packing) = self.packing.take() {
            drop(packing.join());
        }
    }
}

impl Drop for Rolling {
    fn drop(&mut self) {
        self.wait();
    }
}

/// When a file was put aside, if it is one of those that begin like this: its day, and all of its stamp.
fn stamp(prefix: &Path, path: &Path) -> Option<(Date, String)> {
    let stamp = path.to_str()?.strip_prefix(prefix.to_str()?)?;
    Some((stamp.get(..10)?.parse().ok()?, stamp.to_owned()))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

fn packed(path: &Path) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(".gz");
    name.into()
}

/// Packs a file, and removes it once that is done.
fn pack(path: &Path) -> io::Result<()> {
    let target = packed(path);
    let packing = (|| {
        let mut encoder = GzEncoder::new(File::create(&target)?, Compression::default());
        io::copy(&mut File::open(path)?, &mut encoder)?;
        encoder.finish()?.sync_all()
    })();
    fs::remove_file(if packing.is_ok() { path } else { &target })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    /// A folder of its own for a test, removed with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("rest-rolling-{}-{test}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn rolling(&self, conf: &LogConf, now: &str) -> Rolling {
            Rolling::open(self.0.join("access.log"), conf, at(now)).unwrap()
        }

        /// The names of all files, and what is in them.
        fn files(&self) -> Vec<(String, String)> {
            let read = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
            let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
            let mut files: Vec<_> = entries.map(|path| (name(&path), read(&path).unwrap())).collect();
            files.sort();
            files
        }

        fn names(&self) -> Vec<String> {
            self.files().into_iter().map(|(name, _)| name).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }
    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    const SATURDAY: &str = "2026-01-31T23:59:59Z";
    const SUNDAY: &str = "2026-02-01T00:00:00Z";

    #[test]
    fn a_file_is_put_aside_at_the_end_of_its_day() {
        let folder = Folder::new("daily");
        let mut rolling = folder.rolling(&LogConf::default(), SATURDAY);
        for (line, now) in [("a\n", SATURDAY), ("b\n", SATURDAY), ("c\n", SUNDAY), ("d\n", SUNDAY)] {
            rolling.write(line.as_bytes(), at(now)).unwrap();
        }

        let expected = [("access.log", "c\nd\n"), ("access.log-2026-01-31", "a\nb\n")];
        assert_eq!(folder.files(), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_file_goes_on_where_the_last_process_ended() {
        let folder = Folder::new("again");
        for line in ["a\n", "b\n"] {
            folder.rolling(&LogConf::default(), SATURDAY).write(line.as_bytes(), Timestamp::now()).unwrap();
        }

        assert_eq!(folder.files(), [("access.log".to_owned(), "a\nb\n".to_owned())]);
    }

    #[test]
    fn files_are_kept_for_some_days() {
        let folder = Folder::new("days");
        let mut rolling = folder.rolling(&LogConf { keep_days: 2, ..LogConf::default() }, SATURDAY);
        fs::write(folder.0.join("access.log-notes"), "somebody's").unwrap();
        for day in 1..=6 {
            rolling.write(b"a\n", at(&format!("2026-02-0{day}T12:00:00Z"))).unwrap();
        }

        assert_eq!(
            folder.names(),
            ["access.log", "access.log-2026-02-04", "access.log-2026-02-05", "access.log-notes"]
        );
    }

    #[test]
    fn a_file_is_put_aside_at_its_size_and_so_many_are_kept() {
        let folder = Folder::new("size");
        let conf = LogConf { rotation: LogRotation::Size, max_size: 1, max_backups: 2, ..LogConf::default() };
        let mut rolling = folder.rolling(&conf, SATURDAY);
        let mut line = vec![b'x'; 600 << 10];
        line.push(b'\n');
        for second in 1..=5 {
            rolling.write(&line, at(&format!("2026-01-31T23:59:0{second}Z"))).unwrap();
        }

        assert_eq!(
            folder.names(),
            ["access.log", "access.log-2026-01-31T235904.000", "access.log-2026-01-31T235905.000"]
        );
        assert!(folder.files().iter().all(|(_, text)| text.len() == line.len()), "lines are whole");
    }

    #[test]
    fn what_is_put_aside_may_be_packed() {
        let folder = Folder::new("packed");
        let mut rolling = folder.rolling(&LogConf { compress: true, ..LogConf::default() }, SATURDAY);
        rolling.write(b"a\n", at(SATURDAY)).unwrap();
        rolling.write(b"b\n", at(SUNDAY)).unwrap();
        drop(rolling); // waits

        assert_eq!(folder.names(), ["access.log", "access.log-2026-01-31.gz"]);
        let mut text = String::new();
        let file = File::open(folder.0.join("access.log-2026-01-31.gz")).unwrap();
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
        assert_eq!(text, "a\n");
    }

    #[test]
    fn a_file_that_somebody_has_moved_does_no_harm() {
        let folder = Folder::new("moved");
        let mut rolling = folder.rolling(&LogConf::default(), SATURDAY);
        rolling.write(b"a\n", at(SATURDAY)).unwrap();
        fs::rename(folder.0.join("access.log"), folder.0.join("moved")).unwrap();

        rolling.write(b"b\n", at(SUNDAY)).unwrap();

        assert_eq!(
            folder.files(),
            [("access.log", "b\n"), ("moved", "a\n")].map(|(name, text)| (name.to_owned(), text.to_owned()))
        );
    }
}
