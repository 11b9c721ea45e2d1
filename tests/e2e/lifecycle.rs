//! A stack's own life: up beside another one, down without a trace.

use std::io::{Read, Write};
use std::net::TcpStream;

use ferrule_cli::stack::{Details, Options, Stack};

use crate::stack::{dir, stack};

#[test]
fn a_second_stack_comes_up_beside_the_first_and_leaves_nothing_behind() {
    let first = stack().details();
    let options = Options {
        name: "second".to_owned(),
        connectors: vec!["files".to_owned()],
        ..Options::new(dir().join("second"))
    };
    let second = Stack::up(&options, &|_| ()).unwrap();
    let details = second.details().clone();
    assert_ne!(details.endpoint, first.endpoint);
    assert!(status(&details).starts_with("HTTP/1.1 "), "nothing answers at {}", details.api_url);
    if cfg!(target_os = "linux") {
        assert!(alive(details.pid) >= 2, "the emulator and the function it started");
    }
    second.down().unwrap();
    assert_eq!(alive(details.pid), 0);
    assert!(Stack::open(&options.dir).is_err());
    assert!(Stack::open(dir()).is_ok(), "the first one is up still");
}

/// The first line of the API's answer, whatever it is: it starts the function.
fn status(details: &Details) -> String {
    let address = details.endpoint.trim_start_matches("http://");
    let path = details.api_url.trim_start_matches(&details.endpoint);
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path}/v1/health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// How many processes of a group run; ended ones that nobody has collected yet do not count.
fn alive(group: u32) -> usize {
    let stats = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    stats
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| belongs(stat, group))
        .count()
}

/// `/proc/<pid>/stat` is `pid (name) state parent group ...`; the name may hold anything.
fn belongs(stat: &str, group: u32) -> bool {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = rest.split_whitespace();
    let state = fields.next();
    state != Some("Z") && fields.nth(1) == Some(&group.to_string())
}
