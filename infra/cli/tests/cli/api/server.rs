//! A small HTTP server in a thread of the test: it notes what it is asked, and can break off whenever it likes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A server that plays the API, and the store of files.
pub(super) struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// A request, and the connection to answer it on. Dropped without an answer, the connection is cut.
pub(super) struct Exchange {
    pub(super) method: String,
    /// The path, and the query with it.
    pub(super) target: String,
    /// The headers, with names in lower case.
    pub(super) headers: Vec<(String, String)>,
    stream: BufReader<TcpStream>,
}

impl Server {
    /// Serves with this function, one request after the other.
    pub(super) fn start(mut serve: impl FnMut(&Server, Exchange) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Self { address, asked: Arc::default() };
        let inside = Self { address: server.address.clone(), asked: Arc::clone(&server.asked) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(exchange) = Exchange::read(stream.unwrap()) else { continue };
                inside.asked.lock().unwrap().push(format!("{} {}", exchange.method, exchange.target));
                serve(&inside, exchange);
            }
        });
        server
    }

    /// Answers everything with the same.
    pub(super) fn answering(status: u16, body: Value) -> Self {
        Self::start(move |_, exchange| exchange.answer(status, &body))
    }

    /// Answers the calls with these, one after the other, and notes the bodies that are posted.
    pub(super) fn answering_each(answers: Vec<(u16, Value)>) -> Self {
        let mut answers = answers.into_iter();
        Self::start(move |server, mut exchange| {
            if exchange.method == "POST" {
                let body = exchange.json();
                server.note(body.to_string());
            }
            let (status, body) = answers.next().expect("no more calls than answers");
            exchange.answer(status, &body);
        })
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked since it was asked that last.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// Notes something among what it was asked.
    pub(super) fn note(&self, line: String) {
        self.asked.lock().unwrap().push(line);
    }
}

impl Exchange {
    fn read(stream: TcpStream) -> Option<Self> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        Some(Self { method, target, headers, stream })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Reads all of the body.
    pub(super) fn body(&mut self) -> Vec<u8> {
        let length = self.header("content-length").map_or(0, |length| length.parse().unwrap());
        self.some(length)
    }

    /// Reads so many bytes of the body, or all there are.
    pub(super) fn some(&mut self, length: usize) -> Vec<u8> {
        let mut body = Vec::new();
        (&mut self.stream).take(length as u64).read_to_end(&mut body).unwrap();
        body
    }

    pub(super) fn json(&mut self) -> Value {
        serde_json::from_slice(&self.body()).unwrap()
    }

    pub(super) fn answer(self, status: u16, body: &Value) {
        self.answer_with(status, &[("Content-Type", "application/json")], body.to_string().as_bytes());
    }

    pub(super) fn answer_with(mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        let mut head =
            format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let stream = self.stream.get_mut();
        // Whoever was told to go may be gone.
        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(body));
    }
}
