use std::path::Path;

use tower_http::services::ServeDir;

use crate::Engine;

impl<S: Clone + Send + Sync + 'static> Engine<S> {
    /// Serves the files below the directory `dir` under `prefix`, go-zero's `WithFileServer`: a [mount](Self::mount) of
    /// tower-http's [`ServeDir`], which can also be mounted by itself where it is to be set up otherwise.
    ///
    /// It answers GET and HEAD, with `Last-Modified`, conditions and ranges; other methods have 405, and what is no file 404.
    /// A directory is its `index.html`, and is redirected to its name with a slash; nothing is listed. A path that would
    /// climb out of the directory is 404, but symbolic links in it are followed. A route of the same path goes before a
    /// file, unlike in go-zero. Files are read 64 KiB at a time, and nothing is kept of them.
    ///
    /// ```
    /// use rest::{Engine, RestConf};
    ///
    /// let mut engine = Engine::new(RestConf::default());
    /// engine.serve_dir("/static", "static");
    /// ```
    pub fn serve_dir(&mut self, prefix: &str, dir: impl AsRef<Path>) -> &mut Self {
        let below = prefix.trim_end_matches('/');
        self.mount(prefix, ServeDir::new(dir).redirect_path_prefix(below))
    }
}
