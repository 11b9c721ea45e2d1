//! The contract vendor: checks every request, and answers as the contract says.

use std::sync::{Arc, Mutex};

use crate::{
    contract::{Contract, Exchange},
    script::Script,
    vendor::{Reply, Request, Vendor},
};

/// How requests are answered: by a script first, then by the contract, then by what the test gives
/// for a machine without the contract.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    script: Script,
    contract: Option<Arc<Contract>>,
    fallback: Script,
    violations: Arc<Mutex<Vec<String>>>,
}

impl Answers {
    pub(crate) fn new(script: Script, contract: Option<Arc<Contract>>) -> Self {
        Self { script, contract, fallback: Script::default(), violations: Arc::default() }
    }

    /// Returns what did not fit so far.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().clone()
    }

    /// Answers a request, and remembers what does not fit the contract.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let vendor = format!("http://{}", request.header("host").unwrap_or_default());
        let reply = match self.chosen(request) {
            Ok(reply) => reply.at(&vendor),
            Err(violation) => {
                self.violations.lock().unwrap().push(violation);
                return Reply::json(r#"{"message": "nobody expected this"}"#).with_status(501);
            }
        };
        if let Some(contract) = &self.contract {
            let found = contract.check(&exchange(request, &reply));
            self.violations.lock().unwrap().extend(found);
        }
        reply
    }

    fn chosen(&self, request: &Request) -> Result<Reply, String> {
        let asked = format!("{} {}", request.method, request.path);
        if let Some(reply) = self.script.answer(request) {
            return Ok(reply);
        }
        if let Some(contract) = &self.contract {
            let operation = contract.operation(&request.method, &request.path);
            let operation = operation.ok_or(format!("{asked} is not in the contract"))?;
            return contract.example(&operation).map_err(|error| format!("{asked}: {error}"));
        }
        let fallback = self.fallback.answer(request);
        fallback.ok_or(format!("{asked} has no answer where the contract is not at hand: give one"))
    }
}

fn exchange<'a>(request: &'a Request, reply: &'a Reply) -> Exchange<'a> {
    Exchange {
        method: &request.method,
        path: &request.path,
        query: &request.raw_query,
        headers: &request.headers,
        body: &request.body,
        status: reply.code(),
        answer_type: reply.named("content-type"),
        answer: reply.content(),
    }
}

/// A vendor that knows its contract: a real HTTP server on 127.0.0.1.
///
/// It loads `../shared/contracts/<vendor>.json`, checks each request (path, method, query, headers,
/// body), answers with the contract's examples, and remembers what did not fit: ask with
/// [`ContractVendor::assert_valid`]. Where the contract is not at hand it says so on stderr and
/// answers by `otherwise`.
#[derive(Debug)]
pub struct ContractVendor {
    vendor: Vendor,
    answers: Answers,
}

/// A contract vendor before it is started.
#[derive(Debug)]
pub struct Preparing(Answers);

impl ContractVendor {
    /// Loads the contract.
    #[expect(clippy::new_ret_no_self, reason = "it begins; `start` gives the vendor")]
    pub fn new(vendor: &str) -> Preparing {
        Preparing(Answers::new(Script::default(), Contract::open(vendor).map(Arc::new)))
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        self.vendor.url(path)
    }

    /// Returns what was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.vendor.requests()
    }

    /// Counts the requests for a path.
    pub fn count(&self, path: &str) -> usize {
        self.vendor.count(path)
    }

    /// Returns what did not fit the contract so far, each as a sentence.
    pub fn violations(&self) -> Vec<String> {
        self.answers.violations()
    }

    /// Fails when anything did not fit.
    pub fn assert_valid(&self) {
        assert_eq!(self.violations(), Vec::<String>::new());
    }
}

impl Preparing {
    /// Answers an operation, such as `POST /repos/*/issues` (`*` is any run of characters), by
    /// looking at the request. What is said last goes first.
    #[must_use]
    pub fn answer(
        mut self,
        operation: &str,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.0.script.add(operation, answer);
        self
    }

    /// Answers an operation where the contract is not at hand.
    #[must_use]
    pub fn otherwise(
        mut self,
        operation: &str,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.0.fallback.add(operation, answer);
        self
    }

    /// Starts on a free port.
    pub async fn start(self) -> ContractVendor {
        let answers = self.0.clone();
        let vendor = Vendor::start(move |request, _| answers.answer(request)).await;
        ContractVendor { vendor, answers: self.0 }
    }
}
