//! A small store of notes: JSON both ways, a validated body, errors with a code, and a document of it all in OpenAPI.
//!
//! Run it with `cargo run -p json-api`, then try
//!
//! ```text
//! curl localhost:8888/notes -d '{"text":"buy milk"}' -H 'content-type: application/json'
//! curl localhost:8888/notes/1
//! curl localhost:6060/openapi.json
//! ```

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;
use rest::conf::DevServerConf;
use rest::extract::{Invalid, Json, Parse, Path, State, Validate};
use rest::{Engine, Error, RestConf, Route, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

#[derive(Parser)]
struct Args {
    /// The port to listen on
    #[arg(long, default_value_t = 8888)]
    port: u16,
    /// The port of the development server, on which the document is
    #[arg(long, default_value_t = 6060)]
    dev_port: u16,
}

/// What there is to remember.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
struct Note {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    text: String,
}

impl Validate for Note {
    fn validate(&self) -> Result<(), Invalid> {
        match self.text.chars().count() {
            1..=200 => Ok(()),
            _ => Err(Invalid::new("text", "must have 1 to 200 characters")),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Saved {
    /// Where the note is.
    id: usize,
}

type Notes = Arc<Mutex<Vec<Note>>>;

#[derive(OpenApi)]
#[openapi(info(title = "Notes", version = "1.0.0"), paths(save, read))]
struct Document;

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let args = Args::parse();
    let dev_server = DevServerConf { enabled: true, port: args.dev_port, ..DevServerConf::default() };
    let conf = RestConf { host: "localhost".to_owned(), port: args.port, dev_server, ..RestConf::default() };
    let mut engine = Engine::with_state(conf, Notes::default());
    engine.add_route(Route::post("/notes", save)).add_route(Route::get("/notes/:id", read));
    engine.openapi(Document::openapi());

    let server = engine.bind().await?;
    if let Some(addr) = server.dev_addr() {
        print!("its document on http://{addr}/openapi.json, ");
    }
    println!("json-api on {}", server.url());
    Ok(server.start().await?)
}

/// Saves a note.
#[utoipa::path(post, path = "/notes", request_body = Note, responses((status = 200, body = Saved), (status = 400)))]
async fn save(State(notes): State<Notes>, Parse(note): Parse<Note>) -> Json<Saved> {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.push(note);
    Json(Saved { id: notes.len() })
}

/// Reads a note.
#[utoipa::path(get, path = "/notes/{id}", params(("id" = usize, Path)), responses((status = 200, body = Note), (status = 404)))]
async fn read(State(notes): State<Notes>, Path(id): Path<usize>) -> Result<Json<Note>, Error> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let note = id.checked_sub(1).and_then(|index| notes.get(index).cloned());
    note.map(Json).ok_or(Error::new(StatusCode::NOT_FOUND, "there is no such note"))
}
