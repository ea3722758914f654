//! What files of go-zero say about profiles.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{duration, range};

/// Without effect, so that files of go-zero load: what it has sent to Pyroscope are profiles of Go's runtime.
///
/// An engine with a [`server_addr`](Self::server_addr) says so when it starts.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ProfilingConf {
    /// The service's name. Default that of the service.
    pub name: String,
    /// Whom profiles would be sent to. Default nobody.
    pub server_addr: String,
    /// The user there. Default none.
    pub auth_user: String,
    /// The user's password. Default none.
    pub auth_password: String,
    /// How often. Default 15 s.
    #[serde(with = "duration")]
    pub upload_rate: Duration,
    /// How often the CPU is looked at. Default 10 s.
    #[serde(with = "duration")]
    pub check_interval: Duration,
    /// For how long. Default 2 min.
    #[serde(with = "duration")]
    pub profiling_duration: Duration,
    /// From which use of the CPU on, in thousandths, 0 to 999. Default 700.
    #[serde(with = "range::Integer::<0, 999>")]
    pub cpu_threshold: u32,
    /// Of what.
    pub profile_type: ProfileTypeConf,
}

impl Default for ProfilingConf {
    fn default() -> Self {
        Self {
            name: String::new(),
            server_addr: String::new(),
            auth_user: String::new(),
            auth_password: String::new(),
            upload_rate: Duration::from_secs(15),
            check_interval: Duration::from_secs(10),
            profiling_duration: Duration::from_secs(120),
            cpu_threshold: 700,
            profile_type: ProfileTypeConf::default(),
        }
    }
}

/// Of what there would be profiles; without effect.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ProfileTypeConf {
    /// A log of it. Default no.
    pub logger: bool,
    /// The CPU. Default yes.
    #[serde(rename = "CPU")]
    pub cpu: bool,
    /// Tasks. Default yes.
    pub goroutines: bool,
    /// Memory. Default yes.
    pub memory: bool,
    /// Locks. Default no.
    pub mutex: bool,
    /// What waits. Default no.
    pub block: bool,
}

impl Default for ProfileTypeConf {
    fn default() -> Self {
        Self { logger: false, cpu: true, goroutines: true, memory: true, mutex: false, block: false }
    }
}

/// Shows everything but the password.
impl fmt::Debug for ProfilingConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfilingConf").field("server_addr", &self.server_addr).finish_non_exhaustive()
    }
}
