//! A client with access to every byte.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    pub(crate) stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(server: SocketAddr) -> Client {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let stream = BufReader::new(stream);
        Client { stream }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Sends a request; `fields` end in CR LF each.
    pub(crate) fn ask(&mut self, method: &str, path: &str, fields: &str) -> Response {
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: boot.example.com\r\n{fields}\r\n"
        ));
        self.response(method != "HEAD")
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.ask("GET", path, "")
    }

    pub(crate) fn response(&mut self, has_body: bool) -> Response {
        let line = self.line();
        let status = line.strip_prefix("HTTP/1.1 ").expect(&line);
        let status: u16 = status[..3].parse().unwrap();
        assert!(!line.ends_with("Unknown"), "{line}: no reason");
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap();
            fields.push((name.to_owned(), value.to_owned()));
        }
        let mut response = Response {
            status,
            fields,
            body: Vec::new(),
        };
        if has_body && status != 304 {
            let len = response.field("Content-Length").parse().unwrap();
            response.body = vec![0; len];
            self.stream.read_exact(&mut response.body).unwrap();
        }
        response
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.strip_suffix("\r\n").expect("a whole line").to_owned()
    }

    /// The server has closed the connection, and has sent nothing more.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        match self.stream.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("no end: {other:?}"),
        }
    }

    /// True when nothing comes for `time`.
    pub(crate) fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.get_mut().set_read_timeout(Some(time)).unwrap();
        let result = self.stream.fill_buf().map(<[u8]>::len);
        let stream = self.stream.get_mut();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        matches!(result, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }
}

impl Response {
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut same = self.fields.iter().filter(|(field, _)| field == name);
        let (_, value) = same.next().unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(same.next().is_none(), "{name} twice");
        value
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
