//! Reads a configuration: the defaults, over them a file or a text, over them the environment.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::ser::Serialize;

use super::environment::variables;
use super::layers::{File, Layers};
use super::outline::Outline;
use super::{ConfError, Format};

/// Loads a configuration from a file, whose extension tells its [format](Format), and the environment.
///
/// - **Keys** are those of `C::default()` when serialized. Spelling does not matter: case, `_` and `-` are ignored. A key
///   that is not known, or is there in two spellings, is an error.
/// - **Values** that are not set keep their default, in sections too. A key without a value (YAML's `Name:`) is an error
///   unless the field is an `Option`.
/// - **The environment** goes before the file: `ZEROXIDE__PORT=4000`, `ZEROXIDE__SHUTDOWN__WAIT_TIME=10s`. An unknown
///   variable that begins with `ZEROXIDE__` is an error, an empty one is as good as none. A value that is not taken as text
///   is read as JSON: `4000`, `true`, `["a", "b"]`.
/// - **Inside of values** `${NAME}` is a variable of the environment, and `${NAME:-default}` one that may be missing or empty;
///   `$${` stands for `${`. A variable that is missing is an error. It is the value that is changed, after the file is parsed:
///   what a variable says cannot add keys. In YAML's and TOML's terms it is text, so `{Port: "${PORT}"}` has quotes; a field
///   that does not take text gets what the text is as JSON.
/// - **A file** has at most 1 MiB, 64 sections in one another, and 100000 values once YAML's aliases stand for what they mean.
///
/// # What `C` should look like
///
/// Structs with `Serialize`, `Deserialize` and `Default`, nested or `#[serde(flatten)]`ed, whose fields are serialized
/// under the names they are read by; no field skipped when serializing. A map that is empty by default takes any keys.
/// Inside of lists, and of an `Option` that is `None` by default, keys are serde's business: exact, and strict only with
/// `#[serde(deny_unknown_fields)]`; the environment can set these as a whole only. A field whose default is an enum's
/// variant with data cannot be set to another variant; put it into an `Option`.
///
/// # Errors
///
/// The file cannot be read or parsed, or something in it or in the environment is not known or not allowed.
///
/// # Examples
///
/// ```
/// use rest::RestConf;
///
/// # let path = std::env::temp_dir().join(format!("rest-conf-{}.yaml", std::process::id()));
/// std::fs::write(&path, "Port: 3333 # for the browser\nShutdown:\n  WaitTime: 10s\n")?;
///
/// let conf: RestConf = rest::conf::load(&path)?;
/// assert_eq!((conf.port, conf.shutdown.wait_time.as_secs()), (3333, 10));
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load<C>(path: impl AsRef<Path>) -> Result<C, ConfError>
where
    C: Default + DeserializeOwned + Serialize,
{
    Loader::new().load(path)
}

/// Reads a configuration from a text, for instance one embedded with `include_str!`, and the environment.
///
/// The rules are those of [`load`].
///
/// # Errors
///
/// The text cannot be parsed, or something in it or in the environment is not known or not allowed.
///
/// # Examples
///
/// ```
/// use rest::RestConf;
/// use rest::conf::{Format, parse};
///
/// let conf: RestConf = parse("port = 3333", Format::Toml).unwrap();
/// assert_eq!(conf, RestConf { port: 3333, ..RestConf::default() });
///
/// let error = parse::<RestConf>("Prot: 3333", Format::Yaml).unwrap_err();
/// assert_eq!(error.to_string(), "yaml text:1: unknown key Prot, did you mean Port?");
/// ```
pub fn parse<C>(text: &str, format: Format) -> Result<C, ConfError>
where
    C: Default + DeserializeOwned + Serialize,
{
    Loader::new().parse(text, format)
}

/// Loads like [`load`] and [`parse`], with an environment of one's own.
///
/// ```
/// use rest::RestConf;
/// use rest::conf::{Format, Loader};
///
/// let loader = Loader::new().environment([("ZEROXIDE__PORT", "4000")]);
/// let conf: RestConf = loader.parse("Port: 3333", Format::Yaml).unwrap();
/// assert_eq!(conf.port, 4000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Loader {
    /// Instead of the process's.
    environment: Option<HashMap<String, String>>,
    is_lenient: bool,
}

impl Loader {
    /// Creates a loader that uses the environment of the process.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses these variables instead of the process's; none at all if empty.
    pub fn environment<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.environment =
            Some(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        self
    }

    /// Leaves out keys and variables that are not known, with a line in the log for each, as a file may be one that other
    /// programs read too.
    ///
    /// ```
    /// use rest::RestConf;
    /// use rest::conf::{Format, Loader};
    ///
    /// let text = "{Port: 3333, DataSource: root@tcp}";
    /// assert!(Loader::new().parse::<RestConf>(text, Format::Yaml).is_err());
    /// assert!(Loader::new().allow_unknown_keys().parse::<RestConf>(text, Format::Yaml).is_ok());
    /// ```
    pub fn allow_unknown_keys(mut self) -> Self {
        self.is_lenient = true;
        self
    }

    /// Loads a configuration from a file; see [`load`].
    ///
    /// # Errors
    ///
    /// Those of [`load`].
    pub fn load<C>(&self, path: impl AsRef<Path>) -> Result<C, ConfError>
    where
        C: Default + DeserializeOwned + Serialize,
    {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let Some(format) = Format::of(path) else {
            return Err(ConfError::new("unrecognized file type", origin));
        };
        let text = read(path).map_err(|error| ConfError::new(&origin, format!("cannot be read: {error}")))?;
        self.build(&text, format, &origin)
    }

    /// Reads a configuration from a text; see [`parse`].
    ///
    /// # Errors
    ///
    /// Those of [`parse`].
    pub fn parse<C>(&self, text: &str, format: Format) -> Result<C, ConfError>
    where
        C: Default + DeserializeOwned + Serialize,
    {
        self.build(text, format, &format!("{} text", format.name()))
    }

    fn build<C>(&self, text: &str, format: Format, origin: &str) -> Result<C, ConfError>
    where
        C: Default + DeserializeOwned + Serialize,
    {
        let mut layers = Layers::over(&C::default())?;
        let in_text = |reason| ConfError::new(origin, reason);
        let outline = Outline::of(format, text).map_err(in_text)?;
        let given = format.read(text).map_err(in_text)?;
        let (is_yaml, is_lenient) = (format == Format::Yaml, self.is_lenient);
        layers.add_file::<C>(File { origin, given, outline, is_yaml, is_lenient }, |name| {
            self.variable(name)
        })?;
        layers.add_variables::<C>(variables(self.environment.clone())?, is_lenient)?;
        layers.build(origin)
    }

    fn variable(&self, name: &str) -> Option<String> {
        match &self.environment {
            Some(environment) => environment.get(name).cloned(),
            None => std::env::var(name).ok(),
        }
    }
}

/// Reads a whole file, if it is not larger than a configuration ever is.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

const MAX_BYTES: u64 = 1 << 20;
