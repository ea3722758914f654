use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use tokio::time::Instant;

use super::cpu::CPU_MAX;

/// How much CPU is used: of the quota of the process's control group, or of the whole machine where there is none.
pub(super) struct Usage {
    source: Source,
    begin: Instant,
    last: Sample,
}

#[derive(Debug, PartialEq)]
enum Source {
    /// Of cgroup v2, a `cpu.stat`.
    Group { stat: PathBuf, cores: f64 },
    /// Of cgroup v1, a `cpuacct.usage`.
    GroupV1 { usage: PathBuf, cores: f64 },
    /// The machine's `/proc/stat`.
    Machine { stat: PathBuf },
}

/// What was used and what there was, since some moment and in some unit.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    used: f64,
    available: f64,
}

impl Usage {
    /// Finds what there is to read; `None` where there is nothing.
    pub(super) fn find(now: Instant) -> Option<Self> {
        Self::below(Path::new("/"), now)
    }

    /// The same in a file system that begins at `root`.
    fn below(root: &Path, now: Instant) -> Option<Self> {
        let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let machine = Source::Machine { stat: root.join("proc/stat") };
        let sources = [group(root, &groups), group_v1(root, &groups), Some(machine)];
        // A group may have a quota and yet not say what it uses.
        sources.into_iter().flatten().find_map(|source| {
            let last = source.sample(0.0)?;
            Some(Self { source, begin: now, last })
        })
    }

    /// What part was used since the last time, from 0 to [`CPU_MAX`]; 0 where it can no longer be read.
    pub(super) fn next(&mut self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.begin).as_secs_f64();
        let Some(sample) = self.source.sample(elapsed) else {
            return 0.0;
        };
        let (used, available) = (sample.used - self.last.used, sample.available - self.last.available);
        self.last = sample;
        if available <= 0.0 {
            return 0.0;
        }
        (used / available).clamp(0.0, 1.0) * f64::from(CPU_MAX)
    }
}

impl Source {
    fn sample(&self, elapsed: f64) -> Option<Sample> {
        match self {
            Self::Group { stat, cores } => {
                let text = fs::read_to_string(stat).ok()?;
                let micros: f64 =
                    text.lines().find_map(|line| line.strip_prefix("usage_usec "))?.parse().ok()?;
                Some(Sample { used: micros / 1e6, available: elapsed * cores })
            }
            Self::GroupV1 { usage, cores } => {
                Some(Sample { used: number(usage)? / 1e9, available: elapsed * cores })
            }
            Self::Machine { stat } => machine(&fs::read_to_string(stat).ok()?),
        }
    }
}

/// Reads the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal. What follows is within user.
fn machine(text: &str) -> Option<Sample> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
    let ticks = fields.map(str::parse).collect::<Result<Vec<f64>, _>>().ok()?;
    let idle = ticks.get(3)? + ticks.get(4)?;
    let available: f64 = ticks.iter().sum();
    Some(Sample { used: available - idle, available })
}

/// Finds the quota of cgroup v2 that is the least, of the process's group and those above it.
fn group(root: &Path, groups: &str) -> Option<Source> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mount = root.join("sys/fs/cgroup");
    least(path, |path| {
        let max = fs::read_to_string(mount.join(path).join("cpu.max")).ok()?;
        let (quota, period) = max.trim().split_once(' ')?;
        Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?) // `max` is no quota
    })
    .map(|(path, cores)| Source::Group { stat: mount.join(path).join("cpu.stat"), cores })
}

/// The same of cgroup v1.
fn group_v1(root: &Path, groups: &str) -> Option<Source> {
    let path = groups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(":/")?;
        controllers.split(',').any(|controller| controller == "cpu").then_some(path)
    })?;
    let mounts = root.join("sys/fs/cgroup");
    least(path, |path| {
        let dir = mounts.join("cpu").join(path);
        let quota = number(&dir.join("cpu.cfs_quota_us")).filter(|quota| *quota > 0.0)?; // -1 is no quota
        Some(quota / number(&dir.join("cpu.cfs_period_us"))?)
    })
    .map(|(path, cores)| Source::GroupV1 {
        usage: mounts.join("cpuacct").join(path).join("cpuacct.usage"),
        cores,
    })
}

/// Finds the least quota on the way from a group up to the root. In a container the path may be the host's, so that only
/// the root is there.
fn least(path: &str, quota: impl Fn(&Path) -> Option<f64>) -> Option<(&Path, f64)> {
    let found = Path::new(path).ancestors().filter_map(|path| Some((path, quota(path)?)));
    let (path, quota) = found.min_by(|a, b| a.1.total_cmp(&b.1))?;
    let cores = available_parallelism().map_or(f64::INFINITY, |cores| cores.get() as f64);
    Some((path, quota.min(cores))).filter(|(_, cores)| *cores > 0.0)
}

fn number(file: &Path) -> Option<f64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A file system of its own, removed with it.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = Self(std::env::temp_dir().join(format!("rest-cpu-{}-{name}", std::process::id())));
            files.iter().for_each(|(file, text)| root.write(file, text));
            root
        }

        fn write(&self, file: &str, text: &str) {
            let file = self.0.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn a_quota_of_cgroup_v2_is_what_there_is() {
        let root = Root::new(
            "v2",
            &[
                ("proc/self/cgroup", "0::/pod/app\n"),
                ("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\n"),
                ("sys/fs/cgroup/pod/app/cpu.max", "max 100000\n"),
                ("sys/fs/cgroup/pod/app/cpu.stat", "usage_usec 1\n"),
                ("sys/fs/cgroup/pod/cpu.max", "50000 100000\n"),
                ("sys/fs/cgroup/pod/cpu.stat", "usage_usec 1000000\nuser_usec 7\n"),
            ],
        );
        let begin = Instant::now();
        let mut usage = Usage::below(&root.0, begin).unwrap();
        let stat = root.0.join("sys/fs/cgroup/pod/cpu.stat");
        assert_eq!(usage.source, Source::Group { stat, cores: 0.5 });

        // In a quarter of a second half a core has 125 ms, of which 100 are used.
        root.write("sys/fs/cgroup/pod/cpu.stat", "usage_usec 1100000\n");
        assert_eq!(usage.next(begin + Duration::from_millis(250)).round(), 800.0);
        // Bursts beyond the quota are no more than all of it.
        root.write("sys/fs/cgroup/pod/cpu.stat", "usage_usec 1500000\n");
        assert_eq!(usage.next(begin + Duration::from_millis(500)), 1000.0);
    }

    #[test]
    fn a_quota_of_cgroup_v1_is_found_at_the_root_if_the_path_is_the_hosts() {
        let root = Root::new(
            "v1",
            &[
                ("proc/self/cgroup", "5:cpuset:/docker/1\n4:cpu,cpuacct:/docker/1\n0::/docker/1\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "25000\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/cpuacct/cpuacct.usage", "0\n"),
            ],
        );
        let begin = Instant::now();
        let mut usage = Usage::below(&root.0, begin).unwrap();
        assert!(matches!(usage.source, Source::GroupV1 { cores: 0.25, .. }), "{:?}", usage.source);

        root.write("sys/fs/cgroup/cpuacct/cpuacct.usage", "125000000\n");
        assert_eq!(usage.next(begin + Duration::from_secs(1)), 500.0);
    }

    #[test]
    fn without_a_quota_it_is_the_whole_machine() {
        let root = Root::new(
            "machine",
            &[
                ("proc/self/cgroup", "4:cpu,cpuacct:/\n0::/\n"),
                ("proc/stat", "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 1 1 1\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
                ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/cpu.stat", "usage_usec 1\n"),
            ],
        );
        let begin = Instant::now();
        let mut usage = Usage::below(&root.0, begin).unwrap();
        assert!(matches!(usage.source, Source::Machine { .. }), "{:?}", usage.source);

        root.write("proc/stat", "cpu  160 0 130 705 105 0 0 0 50 0\n"); // 90 of 100 ticks
        assert_eq!(usage.next(begin + Duration::from_secs(1)), 900.0);
        assert_eq!(usage.next(begin + Duration::from_secs(1)), 0.0, "no time has passed");
    }

    #[test]
    fn where_there_is_nothing_to_read_there_is_no_usage() {
        let root = Root::new("nothing", &[]);
        assert!(Usage::below(&root.0, Instant::now()).is_none());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_something_to_read() {
        let begin = Instant::now();
        let mut usage = Usage::find(begin).unwrap();
        let reading = usage.next(begin + Duration::from_secs(3600));
        assert!((0.0..=1000.0).contains(&reading), "{reading}");
    }
}
