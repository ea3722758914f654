use rest::extract::{Json, Path};
use rest::{Error, StatusCode};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Greeting {
    message: String,
}

/// Greets somebody by name.
pub(crate) async fn hello(Path(name): Path<String>) -> Result<Json<Greeting>, Error> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            "a name cannot be blank",
        ));
    }
    Ok(Json(Greeting {
        message: format!("Hello, {name}!"),
    }))
}

#[cfg(test)]
mod tests {
    use rest::test::Client;

    use crate::test_engine;

    #[tokio::test]
    async fn everybody_is_greeted_by_name() {
        let answer = Client::of(test_engine()).get("/hello/Ann").await;
        assert_eq!(answer.text(), r#"{"message":"Hello, Ann!"}"#);
    }

    #[tokio::test]
    async fn a_blank_name_is_refused() {
        let answer = Client::of(test_engine()).get("/hello/%20").await;
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.text(),
            r#"{"code":400,"msg":"a name cannot be blank"}"#
        );
    }
}
