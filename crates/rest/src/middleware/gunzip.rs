//! Unpacks the bodies of requests that come with `Content-Encoding: gzip`, while they are read.
//!
//! Other encodings, and several of them, are left to the handler. The headers that speak of the packed body,
//! `Content-Encoding` and `Content-Length`, are taken off.
//!
//! - **Switch**: `Middlewares.Gunzip`, on.
//! - **Config**: `MaxBytes`, 1 MiB.
//! - **Limits**: `MaxBytes` counts twice, for what comes in and for what comes out: what unpacks to more is cut off there,
//!   however little came in. 16 KiB are unpacked at a time, and only as the handler reads, so that memory stays flat.
//! - **Answers**: none of its own. The extractor that reads the body rejects with 413 above the limit, and with 400 what is
//!   not gzip or ends too early.
//! - **Metric**: none.
//! - **go-zero**: takes any encoding that has `gzip` in its name, leaves the header there, and unpacks without a limit.

use std::convert::Infallible;
use std::io;
use std::task::{Context, Poll};

use async_compression::tokio::bufread::GzipDecoder;
use axum_core::BoxError;
use futures_util::TryStreamExt;
use http::{HeaderMap, header};
use http_body::Frame;
use http_body_util::{Limited, StreamBody};
use tokio_util::io::{ReaderStream, StreamReader};
use tower::{Layer, Service};

use crate::{Body, Request, Response};

#[derive(Clone)]
pub(crate) struct GunzipLayer {
    pub(crate) on: bool,
    pub(crate) max: Option<u64>,
}

#[derive(Clone)]
pub(crate) struct Gunzip<T> {
    layer: GunzipLayer,
    inner: T,
}

impl<T> Layer<T> for GunzipLayer {
    type Service = Gunzip<T>;

    fn layer(&self, inner: T) -> Gunzip<T> {
        Gunzip { layer: self.clone(), inner }
    }
}

impl<T> Service<Request> for Gunzip<T>
where
    T: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = T::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if !self.layer.on || !is_gzip(request.headers()) {
            return self.inner.call(request);
        }
        // They are of what came in, and not of what the handler gets.
        request.headers_mut().remove(header::CONTENT_ENCODING);
        request.headers_mut().remove(header::CONTENT_LENGTH);
        let max = self.layer.max.and_then(|max| usize::try_from(max).ok());
        self.inner.call(request.map(|body| match max {
            Some(max) => Body::new(Limited::new(unpacked(body), max)),
            None => unpacked(body),
        }))
    }
}

fn unpacked(body: Body) -> Body {
    let packed = StreamReader::new(body.into_data_stream().map_err(io::Error::other));
    let mut decoder = GzipDecoder::new(packed);
    decoder.multiple_members(true); // as Go's, and RFC 1952 says
    // Not `Body::from_stream`, which puts one more box around errors than the extractors look into.
    Body::new(StreamBody::new(ReaderStream::with_capacity(decoder, CHUNK).map_ok(Frame::data).map_err(cause)))
}

/// Whatever the packed body failed with, such as a limit; otherwise that it is not gzip.
fn cause(error: io::Error) -> BoxError {
    match error.downcast::<axum_core::Error>() {
        Ok(of_body) => of_body.into_inner(),
        Err(of_gzip) => of_gzip.into(),
    }
}

/// Whether this is the only encoding.
fn is_gzip(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let (Some(encoding), None) = (encodings.next(), encodings.next()) else {
        return false;
    };
    let encoding = encoding.as_bytes().trim_ascii();
    [b"gzip".as_slice(), b"x-gzip"].iter().any(|gzip| encoding.eq_ignore_ascii_case(gzip))
}

/// What is unpacked at a time.
const CHUNK: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use async_compression::tokio::bufread::GzipEncoder;
    use bytes::Bytes;
    use futures_util::stream;
    use http::StatusCode;
    use tokio::io::AsyncReadExt;
    use tower::ServiceExt;

    use super::*;
    use crate::conf::MiddlewaresConf;
    use crate::extract::FromRequest;
    use crate::{Engine, IntoResponse, RestConf, Route};

    const MAX: u64 = 1000;

    async fn pack(text: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        GzipEncoder::new(text).read_to_end(&mut packed).await.unwrap();
        packed
    }

    /// The length of the body, and whether its headers still say something of what came in.
    async fn length(request: Request) -> Response {
        let headers = request.headers();
        let is_packed =
            headers.contains_key(header::CONTENT_ENCODING) || headers.contains_key(header::CONTENT_LENGTH);
        match Bytes::from_request(request, &()).await {
            Ok(body) => format!("{} {is_packed}", body.len()).into_response(),
            Err(rejection) => rejection.status().into_response(),
        }
    }

    async fn ask(conf: RestConf, encoding: &str, body: Body) -> (StatusCode, String) {
        let mut engine = Engine::new(RestConf { max_bytes: MAX, ..conf });
        engine.add_route(Route::post("/", length));
        let request = Request::post("/").header(header::CONTENT_ENCODING, encoding).body(body).unwrap();
        let response = engine.into_service().unwrap().oneshot(request).await.unwrap();
        let status = response.status();
        let body = Bytes::from_request(Request::new(response.into_body()), &()).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_packed_body_arrives_unpacked() {
        let packed = pack(&[b'a'; 1000]).await;
        for encoding in ["gzip", "GZIP", "x-gzip"] {
            let answer = ask(RestConf::default(), encoding, packed.clone().into()).await;
            assert_eq!(answer, (StatusCode::OK, "1000 false".to_owned()), "{encoding}");
        }
        let two = [pack(b"one").await, pack(b"two").await].concat();
        assert_eq!(ask(RestConf::default(), "gzip", two.into()).await.1, "6 false");
    }

    #[tokio::test]
    async fn a_bomb_is_too_large_whether_it_comes_whole_or_in_chunks() {
        let bomb = pack(&vec![0; 100_000]).await;
        assert!((bomb.len() as u64) < MAX, "{} bytes are over the limit as they come", bomb.len());
        assert_eq!(
            ask(RestConf::default(), "gzip", bomb.clone().into()).await.0,
            StatusCode::PAYLOAD_TOO_LARGE
        );
        let chunks: Vec<_> = bomb.chunks(7).map(|chunk| Ok::<_, Infallible>(chunk.to_vec())).collect();
        let chunked = Body::from_stream(stream::iter(chunks));
        assert_eq!(ask(RestConf::default(), "gzip", chunked).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn what_is_too_large_as_it_comes_is_too_large_too() {
        let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(3000).collect();
        let packed = pack(&noise).await;
        let chunks: Vec<_> = packed.chunks(100).map(|chunk| Ok::<_, Infallible>(chunk.to_vec())).collect();
        let chunked = Body::from_stream(stream::iter(chunks));
        assert_eq!(ask(RestConf::default(), "gzip", chunked).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_bomb_is_unpacked_no_further_than_the_limit_and_a_piece_at_a_time() {
        const MIB: usize = 1 << 20;
        // What a handler sees of a body, piece by piece: the largest one, and all together.
        async fn watch(request: Request) -> String {
            let mut pieces = request.into_body().into_data_stream();
            let (mut largest, mut all) = (0, 0);
            while let Ok(Some(piece)) = pieces.try_next().await {
                (largest, all) = (piece.len().max(largest), all + piece.len());
            }
            format!("{largest} {all}")
        }
        let bomb = pack(&vec![0; 8 * MIB]).await;
        let mut engine = Engine::new(RestConf::default()); // with a limit of a MiB
        engine.add_route(Route::post("/", watch));
        let request =
            Request::post("/").header(header::CONTENT_ENCODING, "gzip").body(Body::from(bomb)).unwrap();
        let response = engine.into_service().unwrap().oneshot(request).await.unwrap();
        let seen = Bytes::from_request(Request::new(response.into_body()), &()).await.unwrap();
        assert_eq!(seen, format!("{CHUNK} {MIB}"));
    }

    #[tokio::test]
    async fn what_is_not_gzip_is_a_bad_request() {
        let packed = pack(b"some text").await;
        for body in [b"some text".to_vec(), packed[..packed.len() - 1].to_vec()] {
            assert_eq!(ask(RestConf::default(), "gzip", body.into()).await.0, StatusCode::BAD_REQUEST);
        }
    }

    #[tokio::test]
    async fn another_encoding_is_left_alone_and_a_switch_leaves_all() {
        for encoding in ["br", "gzip, br", "notgzip", "identity"] {
            assert_eq!(ask(RestConf::default(), encoding, "text".into()).await.1, "4 true", "{encoding}");
        }
        let middlewares = MiddlewaresConf { gunzip: false, ..MiddlewaresConf::default() };
        let off = RestConf { middlewares, ..RestConf::default() };
        assert_eq!(ask(off, "gzip", "text".into()).await.1, "4 true");
    }
}
