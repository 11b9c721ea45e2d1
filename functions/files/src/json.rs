//! Records of a JSON document: the elements of a list in it, found without loading it whole.

use ferrule_connector::{Failure, Value};
use ferrule_core::json;

use crate::frame::{Framed, Framer, Lost, MAX_RECORD_BYTES, Step, View};
use crate::lines::object;
use crate::scan::{Scan, Token, token};

/// Finds the elements of the list at a path of a JSON document.
pub(crate) struct Document {
    path: Vec<String>,
    state: State,
    scan: Scan,
    lost: Option<Lost>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The value that so many keys of the path lead to.
    Value(usize),
    /// A key of the object that so many keys lead to, or its end.
    Key(usize),
    /// The colon after a key; when it is the wanted one, its value is looked into.
    Colon { level: usize, wanted: bool },
    /// A value of no interest, this deep inside.
    Other { level: usize, depth: usize },
    /// An element of the list, a comma, or the end of the list.
    List,
    /// The only record.
    Single,
    /// Nothing: the records are out.
    After,
}

impl Document {
    /// Begins at the start of a document (`carry` is null), or after a record.
    pub(crate) fn new(records: Option<&str>, carry: &Value) -> Self {
        let keys = records.unwrap_or_default().split('.').filter(|key| !key.is_empty());
        let state = match carry.as_str() {
            None => State::Value(0),
            Some("list") => State::List,
            Some(_) => State::After,
        };
        let path = keys.map(str::to_owned).collect();
        Self { path, state, scan: Scan::default(), lost: None }
    }

    /// Takes the token that leads on to the list.
    fn navigate(&mut self, view: View<'_>) -> Result<Step, Failure> {
        let Some((token, bytes)) = token(view.bytes, view.is_ended) else {
            return self.endless(view);
        };
        match (self.state, token) {
            (_, Token::Space) | (State::Key(_), Token::Comma) => {}
            (State::Value(level), token) => return self.value(level, token, bytes, view),
            (State::Key(level), Token::Close(b'}')) => return Err(self.not_there(level)),
            (State::Key(level), Token::Text) => {
                let key = json::parse(&view.bytes[..bytes]).unwrap_or_default();
                let wanted = key.as_str() == self.path.get(level).map(String::as_str);
                self.state = State::Colon { level, wanted };
            }
            (State::Colon { level, wanted: true }, Token::Colon) => {
                self.state = State::Value(level + 1);
            }
            (State::Colon { level, wanted: false }, Token::Colon) => {
                self.state = State::Other { level, depth: 0 };
            }
            (State::Other { level, depth }, token) => self.state = other(level, depth, token),
            _ => return Err(broken(view, "it is not valid JSON here")),
        }
        Ok(Step::Skip(bytes))
    }

    fn value(
        &mut self,
        level: usize,
        token: Token,
        bytes: usize,
        view: View<'_>,
    ) -> Result<Step, Failure> {
        let is_target = level == self.path.len();
        let (state, bytes) = match token {
            Token::Open(b'[') if is_target => (State::List, bytes),
            Token::Open(b'{') if is_target => (State::Single, 0),
            Token::Open(b'{') => (State::Key(level), bytes),
            _ if is_target => return Err(broken(view, "expected a list of objects")),
            _ => return Err(self.not_there(level)),
        };
        self.state = state;
        Ok(Step::Skip(bytes))
    }

    /// Takes an element of the list, or what stands between two.
    fn element(&mut self, view: View<'_>) -> Result<Step, Failure> {
        if self.scan.is_fresh() && self.lost.is_none() {
            match view.bytes.first() {
                Some(b',' | b' ' | b'\t' | b'\r' | b'\n') => return Ok(Step::Skip(between(view))),
                Some(b']') => {
                    self.state = State::After;
                    return Ok(Step::Skip(1));
                }
                Some(b'}' | b':') => return Err(broken(view, "it is not valid JSON here")),
                _ => {}
            }
        }
        match self.scan.end_of_value(view.bytes, view.is_ended) {
            Some(end) => Ok(self.found(end, view)),
            None => self.endless(view),
        }
    }

    fn found(&mut self, end: usize, view: View<'_>) -> Step {
        self.scan = Scan::default();
        if self.state == State::Single {
            self.state = State::After;
        }
        if let Some(lost) = self.lost.take() {
            return lost.found_end(end);
        }
        let outcome = object(&view.bytes[..end], view);
        Step::Record(Framed { bytes: end, line: view.line, outcome })
    }

    fn endless(&mut self, view: View<'_>) -> Result<Step, Failure> {
        if view.is_ended {
            return Err(broken(view, "it ends in the middle; is it cut off?"));
        }
        let is_element = matches!(self.state, State::List | State::Single);
        if view.bytes.len() <= MAX_RECORD_BYTES && self.lost.is_none() || view.bytes.is_empty() {
            return Ok(Step::More);
        }
        if !is_element {
            return Err(broken(view, "a text before the records is too long"));
        }
        self.lost.get_or_insert_with(|| Lost::in_view(view));
        self.scan.forget();
        Ok(Step::Skip(view.bytes.len()))
    }

    /// Makes sure that nothing stands behind the records when they are the whole document.
    fn after(&self, view: View<'_>) -> Result<Step, Failure> {
        let blank = view.bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if blank < view.bytes.len() && self.path.is_empty() {
            let hint = "more text follows the JSON value; one value a line is `format: jsonl`";
            return Err(broken(view, hint));
        }
        match view.bytes.len() {
            0 if view.is_ended => Ok(Step::End),
            0 => Ok(Step::More),
            _ if self.path.is_empty() => Ok(Step::Skip(blank)),
            _ => Ok(Step::End),
        }
    }

    fn not_there(&self, level: usize) -> Failure {
        let path = self.path.join(".");
        let key = self.path.get(level).map_or("", String::as_str);
        let text = format!("the JSON document has nothing at .{path}: {key:?} is not there");
        Failure::coded("JSON_PATH", text)
    }
}

impl Framer for Document {
    fn step(&mut self, view: View<'_>) -> Result<Step, Failure> {
        match self.state {
            State::List | State::Single => self.element(view),
            State::After => self.after(view),
            _ => self.navigate(view),
        }
    }

    fn carry(&self) -> Value {
        match self.state {
            State::List => "list".into(),
            _ => "after".into(),
        }
    }
}

fn other(level: usize, depth: usize, token: Token) -> State {
    let depth = match token {
        Token::Open(_) => depth + 1,
        Token::Close(_) => depth.saturating_sub(1),
        _ => depth,
    };
    let is_over = depth == 0 && !matches!(token, Token::Space);
    if is_over { State::Key(level) } else { State::Other { level, depth } }
}

fn between(view: View<'_>) -> usize {
    let is_between = |byte: &&u8| matches!(**byte, b',' | b' ' | b'\t' | b'\r' | b'\n');
    view.bytes.iter().take_while(is_between).count()
}

fn broken(view: View<'_>, wrong: &str) -> Failure {
    let (line, at) = (view.line, view.at);
    Failure::coded(
        "JSON",
        format!("the JSON document, line {line} (byte {at} of the text): {wrong}"),
    )
}
