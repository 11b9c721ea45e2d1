//! The real template, from nothing to a URL and down again: on a local AWS, or in an account ([`Account`]).
//!
//! [`Stack::up`] makes the Python environments, builds the functions, starts the emulator and deploys with the SAM CLI. The stack ends
//! with its owner, whatever ends the owner, unless [`Stack::keep`] is called.

mod aws;
mod deploy;
mod details;
mod emulator;
mod environments;
mod error;
mod functions;
mod lock;
mod process;
mod workspace;

use std::path::{Path, PathBuf};

pub use aws::Account;
use deploy::{Deployment, Goal};
pub use details::Details;
use emulator::Emulator;
pub use environments::Environments;
pub use error::StackError;
pub use functions::build;
pub use process::interrupt;
pub use workspace::Workspace;

/// What a stack is made with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the stack keeps its files: `stack.json`, logs, the SAM build.
    pub dir: PathBuf,
    /// The stack's name, the first part of every table, queue and function name.
    pub name: String,
    /// The connectors to deploy; all of the template's list when empty.
    pub connectors: Vec<String>,
    /// Divides every wait and window.
    pub time_scale: u32,
    /// The cargo profile of the function binaries.
    pub profile: String,
    /// Where functions find AWS, when that is a proxy before the local one.
    pub proxy: Option<String>,
}

impl Options {
    /// Returns what `ferrule up` uses: everything, at the speed of real time, in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            name: "ferrule".to_owned(),
            connectors: Vec::new(),
            time_scale: 1,
            profile: "local".to_owned(),
            proxy: None,
        }
    }
}

/// One thing that is happening while a stack comes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The step it belongs to.
    pub step: Step,
    /// What exactly, for a person: `compiled 214 crates, now transform`.
    pub detail: String,
}

/// The steps of coming up. The first two run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The Python environments of the emulator and the SAM CLI.
    Environments,
    /// The function binaries.
    Functions,
    /// The local AWS.
    Emulator,
    /// `sam build` and `sam deploy`.
    Deploy,
}

/// Where events go: a progress bar, a test's log, nowhere.
pub type Progress<'a> = &'a (dyn Fn(Event) + Sync);

impl Step {
    fn tell(self, progress: Progress<'_>, detail: impl Into<String>) {
        progress(Event { step: self, detail: detail.into() });
    }
}

/// A stack that is up.
#[derive(Debug)]
pub struct Stack {
    details: Details,
    dir: PathBuf,
    /// Present while this process owns the stack; dropping it ends the stack.
    emulator: Option<Emulator>,
}

impl Stack {
    /// Brings a stack up: environments, functions, emulator, deployment. Nothing is left running when it fails.
    pub fn up(options: &Options, progress: Progress<'_>) -> Result<Self, StackError> {
        let workspace = Workspace::find()?;
        // The tools run in other folders than this process.
        let dir =
            std::path::absolute(&options.dir).map_err(StackError::io("find", &options.dir))?;
        let options = &Options { dir, ..options.clone() };
        if let Ok(running) = Self::open(&options.dir) {
            return Err(StackError::AlreadyUp(running.details.endpoint.clone()));
        }
        std::fs::create_dir_all(options.dir.join("logs"))
            .map_err(StackError::io("create", &options.dir))?;
        let environments = prepare(&workspace, options, progress)?;
        Step::Emulator.tell(progress, "starting the local AWS");
        let emulator = Emulator::start(&workspace, &environments, options)?;
        Step::Emulator.tell(progress, format!("up at {}", emulator.access().endpoint));
        let goal = Goal::Local(emulator.access());
        let deployment =
            Deployment { workspace: &workspace, environments: &environments, options, goal };
        let outputs = deployment.run(progress)?;
        let details = Details::new(options, &emulator, &outputs)?;
        details.write(&options.dir)?;
        Ok(Self { details, dir: options.dir.clone(), emulator: Some(emulator) })
    }

    /// Returns the stack that another process brought up in `dir`, if it is still up.
    pub fn open(dir: &Path) -> Result<Self, StackError> {
        let details = Details::read(dir)?;
        if emulator::is_up(&details.endpoint) {
            Ok(Self { details, dir: dir.to_owned(), emulator: None })
        } else {
            Err(StackError::NotUp(dir.to_owned()))
        }
    }

    /// Returns what the stack's users need to know of it.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Returns the folder with the stack's files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes the key that callers of the HTTP API use into `stack.json`.
    pub fn remember_customer_key(&mut self, key: impl Into<String>) -> Result<(), StackError> {
        self.details.customer_key = Some(key.into());
        self.details.write(&self.dir)
    }

    /// Lets the stack outlive this process; `ferrule down` ends it.
    pub fn keep(mut self) -> Result<(), StackError> {
        self.emulator.take().map_or(Ok(()), Emulator::keep)
    }

    /// Ends the stack: the emulator, every function process, `stack.json`.
    pub fn down(mut self) -> Result<(), StackError> {
        match self.emulator.take() {
            Some(emulator) => drop(emulator),
            None => emulator::stop(self.details.pid, &self.dir)?,
        }
        Details::remove(&self.dir)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.emulator.take().is_some() {
            // Nobody is left to tell; the next `up` overwrites a file that stays.
            Details::remove(&self.dir).ok();
        }
    }
}

/// Makes the environments and builds the functions, side by side.
fn prepare(
    workspace: &Workspace,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Environments, StackError> {
    std::thread::scope(|scope| {
        let environments = scope.spawn(|| Environments::ready(workspace, &options.dir, progress));
        let built = functions::build(workspace, &options.profile, &options.dir, progress);
        let environments = environments.join().unwrap_or_else(|_| {
            Err(StackError::Unexpected("the environments' thread ended".to_owned()))
        })?;
        built.map(|()| environments)
    })
}
