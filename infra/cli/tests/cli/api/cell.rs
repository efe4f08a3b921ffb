//! A cell that waits for a file, and a store whose parts go wrong as a test likes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::server::{Exchange, Server};
use super::{UUID, problem, record};

/// Bytes of a part.
pub(super) const PART: usize = 1_000;

/// What goes wrong with a part.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    /// Nothing.
    Fine,
    /// The connection is cut within the part.
    Cut,
    /// The part arrives, and nobody is told.
    Unanswered,
    /// The store refuses the URL.
    Expired,
    /// The store does not go on; the test is told.
    Stalls,
}

/// A cell, as far as an upload has to do with it.
pub(super) struct Cell {
    parts: BTreeMap<u32, Vec<u8>>,
    size: u64,
    /// What goes wrong with the next parts.
    troubles: VecDeque<Trouble>,
    /// Until when URLs are good.
    pub(super) expires_at: &'static str,
    /// How many URLs an answer has.
    pub(super) urls: usize,
    pub(super) created: Value,
    pub(super) is_complete: bool,
    pub(super) has_failed: bool,
    pub(super) public_key: String,
    pub(super) stalled: Option<Sender<()>>,
}

pub(super) type Shared = Arc<Mutex<Cell>>;

impl Cell {
    pub(super) fn new(troubles: &[Trouble]) -> Self {
        Self {
            parts: BTreeMap::new(),
            size: 0,
            troubles: troubles.iter().copied().collect(),
            expires_at: "2126-11-20T09:00:00Z",
            urls: 100,
            created: Value::Null,
            is_complete: false,
            has_failed: false,
            public_key: String::new(),
            stalled: None,
        }
    }

    pub(super) fn start(self) -> (Server, Shared) {
        let cell = Arc::new(Mutex::new(self));
        let inside = Arc::clone(&cell);
        let server = Server::start(move |server, exchange| inside.lock().unwrap().serve(server, exchange));
        (server, cell)
    }

    fn serve(&mut self, server: &Server, mut exchange: Exchange) {
        let path = exchange.target.split('?').next().unwrap().to_owned();
        let upload = format!("/api/0/relocations/{UUID}/upload/");
        match (exchange.method.as_str(), path.as_str()) {
            ("GET", "/api/0/publickeys/relocations/") => {
                exchange.answer(200, &json!({"public_key": self.public_key}));
            }
            ("POST", "/api/0/relocations/") => {
                self.created = exchange.json();
                self.size = self.created["fileSize"].as_u64().unwrap();
                exchange.answer(201, &record(&json!({})));
            }
            ("GET", path) if path == upload && (self.is_complete || self.has_failed) => {
                exchange
                    .answer(409, &problem(409, "not-uploading", "The relocation is not waiting for a file."));
            }
            ("GET", path) if path == upload => exchange.answer(200, &self.view(server)),
            ("POST", path) if path == format!("{upload}complete/") => {
                let given = exchange.json();
                let expected: Vec<_> = self
                    .parts
                    .keys()
                    .map(|part| json!({"partNumber": part, "etag": format!("\"{part}\"")}))
                    .collect();
                assert_eq!(given, json!({"parts": expected}));
                self.is_complete = true;
                exchange.answer(200, &record(&json!({})));
            }
            ("GET", path) if path == format!("/api/0/relocations/{UUID}/") => {
                let failed = json!({"status": "FAILURE", "failureReason": {"code": "upload-expired", "detail": "No file arrived within 24 hours."}});
                let succeeded = json!({"status": "SUCCESS", "step": "COMPLETED", "latestTask": "completed"});
                exchange.answer(200, &record(if self.has_failed { &failed } else { &succeeded }));
            }
            ("PUT", path) => self.store(path.trim_start_matches("/store/").parse().unwrap(), exchange),
            _ => exchange.answer(500, &json!({"unexpected": path})),
        }
    }

    fn count(&self) -> u32 {
        self.size.div_ceil(PART as u64) as u32
    }

    fn view(&self, server: &Server) -> Value {
        let missing =
            (1..=self.count()).filter(|part| !self.parts.contains_key(part)).take(self.urls).map(|part| {
                json!({
                    "partNumber": part,
                    "url": format!("{}/store/{part}", server.endpoint()),
                    "headers": {"x-amz-part": part.to_string()},
                    "expiresAt": self.expires_at,
                })
            });
        json!({
            "uploadId": "upload",
            "fileSize": self.size,
            "partSize": PART,
            "partCount": self.count(),
            "parts": self.parts.keys().map(|part| json!({"partNumber": part, "etag": format!("\"{part}\"")})).collect::<Value>(),
            "missing": missing.collect::<Value>(),
        })
    }

    fn store(&mut self, part: u32, mut exchange: Exchange) {
        assert_eq!(exchange.header("authorization"), None, "the store is told the token");
        assert_eq!(exchange.header("transfer-encoding"), None);
        assert_eq!(exchange.header("x-amz-part"), Some(part.to_string().as_str()));
        match self.troubles.pop_front().unwrap_or(Trouble::Fine) {
            Trouble::Fine => {
                self.parts.insert(part, exchange.body());
                exchange.answer_with(200, &[("ETag", &format!("\"{part}\""))], b"");
            }
            Trouble::Cut => drop(exchange.some(10)),
            Trouble::Unanswered => drop(self.parts.insert(part, exchange.body())),
            Trouble::Expired => exchange.answer_with(403, &[], b"<Error>Request has expired</Error>"),
            Trouble::Stalls => {
                if let Some(stalled) = &self.stalled {
                    stalled.send(()).unwrap();
                }
                // Ends when the client is gone.
                exchange.some(PART * 2);
            }
        }
    }

    pub(super) fn arrived(&self) -> Vec<u8> {
        self.parts.values().flatten().copied().collect()
    }
}
