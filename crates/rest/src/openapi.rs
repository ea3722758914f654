//! What the routes of an engine are, as OpenAPI 3.1, by utoipa. Behind the feature `openapi`.
//!
//! [`Engine::openapi`](crate::Engine::openapi) takes a document that utoipa has made of types and functions, and the
//! [development server](crate::conf::DevServerConf) shows it as `/openapi.json`. Routes that the document does not describe are in
//! it too, with their path and its parameters, so that none is forgotten. Nothing of it is on the engine's own address.
//!
//! ```
//! use rest::extract::{Json, Path};
//! use rest::{Engine, RestConf, Route};
//! use serde::Serialize;
//! use utoipa::{OpenApi, ToSchema};
//!
//! #[derive(Serialize, ToSchema)]
//! struct Greeting {
//!     message: String,
//! }
//!
//! /// Greets by name.
//! #[utoipa::path(get, path = "/hello/{name}", params(("name" = String, Path)), responses((status = 200, body = Greeting)))]
//! async fn hello(Path(name): Path<String>) -> Json<Greeting> {
//!     Json(Greeting { message: format!("Hello, {name}!") })
//! }
//!
//! #[derive(OpenApi)]
//! #[openapi(paths(hello))]
//! struct Document;
//!
//! let mut engine = Engine::new(RestConf::default());
//! engine.add_route(Route::get("/hello/:name", hello));
//! engine.openapi(Document::openapi());
//! ```

use http::Method;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, OpenApi, PathItem, Required, ResponseBuilder, Type};

/// The document with all the routes in it, as JSON.
pub(crate) fn json<'r>(mut document: OpenApi, routes: impl Iterator<Item = (&'r Method, &'r str)>) -> String {
    for (method, path) in routes {
        let (path, parameters) = template(path);
        let Some(method) = http_method(method) else { continue };
        let item = document.paths.paths.entry(path).or_default();
        let operation = operation(item, &method);
        if operation.is_none() {
            *operation = Some(undescribed(&parameters));
        }
    }
    document.to_json().expect("an object of names and texts")
}

/// A route's path as OpenAPI has it, `/hello/{name}`, and the names of its parameters.
fn template(path: &str) -> (String, Vec<&str>) {
    let mut parameters = Vec::new();
    let segments = path.split('/').map(|segment| match segment.strip_prefix([':', '*']) {
        Some(name) => {
            parameters.push(name);
            format!("{{{name}}}")
        }
        None => segment.to_owned(),
    });
    let template = segments.collect::<Vec<_>>().join("/");
    (template, parameters)
}

fn undescribed(parameters: &[&str]) -> Operation {
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    let parameter = |name: &&str| {
        let parameter = ParameterBuilder::new().name(*name).parameter_in(ParameterIn::Path);
        parameter.required(Required::True).schema(Some(text())).build()
    };
    let parameters = (!parameters.is_empty()).then(|| parameters.iter().map(parameter));
    let operation = OperationBuilder::new()
        .response("default", ResponseBuilder::new().description("Not described").build());
    operation.parameters(parameters).build()
}

fn http_method(method: &Method) -> Option<HttpMethod> {
    Some(match *method {
        Method::GET => HttpMethod::Get,
        Method::PUT => HttpMethod::Put,
        Method::POST => HttpMethod::Post,
        Method::DELETE => HttpMethod::Delete,
        Method::OPTIONS => HttpMethod::Options,
        Method::HEAD => HttpMethod::Head,
        Method::PATCH => HttpMethod::Patch,
        Method::TRACE => HttpMethod::Trace,
        _ => return None,
    })
}

fn operation<'i>(item: &'i mut PathItem, method: &HttpMethod) -> &'i mut Option<Operation> {
    match method {
        HttpMethod::Get => &mut item.get,
        HttpMethod::Put => &mut item.put,
        HttpMethod::Post => &mut item.post,
        HttpMethod::Delete => &mut item.delete,
        HttpMethod::Options => &mut item.options,
        HttpMethod::Head => &mut item.head,
        HttpMethod::Patch => &mut item.patch,
        HttpMethod::Trace => &mut item.trace,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use utoipa::openapi::{InfoBuilder, OpenApiBuilder, PathsBuilder};

    use super::*;

    #[test]
    fn each_route_is_in_the_document_and_what_is_described_stays() {
        let described = OperationBuilder::new().summary(Some("Greets by name")).build();
        let paths = PathsBuilder::new().path("/hello/{name}", PathItem::new(HttpMethod::Get, described));
        let document = OpenApiBuilder::new().info(InfoBuilder::new().title("hello").version("1").build());
        let document = document.paths(paths.build()).build();
        let routes = [
            (Method::GET, "/hello/:name"),
            (Method::DELETE, "/hello/:name"),
            (Method::GET, "/files/*rest"),
            (Method::from_bytes(b"PURGE").unwrap(), "/cache"),
        ];

        let json: Value =
            serde_json::from_str(&json(document, routes.iter().map(|(method, path)| (method, *path))))
                .unwrap();

        assert_eq!(json["openapi"], "3.1.0");
        assert_eq!(json["paths"]["/hello/{name}"]["get"]["summary"], "Greets by name");
        let delete = &json["paths"]["/hello/{name}"]["delete"];
        assert_eq!(
            (&delete["parameters"][0]["name"], &delete["parameters"][0]["in"]),
            (&"name".into(), &"path".into())
        );
        assert_eq!(
            json["paths"]["/files/{rest}"]["get"]["responses"]["default"]["description"],
            "Not described"
        );
        assert!(json["paths"]["/cache"].is_null(), "OpenAPI has no such method");
    }
}
