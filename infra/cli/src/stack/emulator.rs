//! The local AWS as a process group of its own, tied to its owner by a pipe.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Environments, Options, StackError, Workspace};

const START_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);
const REGION: &str = "us-east-1";

/// Who may do everything on the local AWS, and where it is.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) endpoint: String,
    pub(super) region: String,
    pub(super) key_id: String,
    pub(super) secret_key: String,
}

/// The emulator's process; it and all it started end when this is dropped.
#[derive(Debug)]
pub(super) struct Emulator {
    child: Child,
    access: Access,
    dir: PathBuf,
}

impl Emulator {
    /// Starts the emulator on a free port of 127.0.0.1 with IAM enforcement, and waits until it answers.
    pub(super) fn start(
        workspace: &Workspace,
        environments: &Environments,
        options: &Options,
    ) -> Result<Self, StackError> {
        let log = options.dir.join("emulator.log");
        // Another process may take the port between our look and the emulator's bind.
        for _ in 0..2 {
            if let Ok(emulator) = Self::start_once(workspace, environments, options, &log) {
                return Ok(emulator);
            }
        }
        Self::start_once(workspace, environments, options, &log)
    }

    fn start_once(
        workspace: &Workspace,
        environments: &Environments,
        options: &Options,
        log: &Path,
    ) -> Result<Self, StackError> {
        let dir = &options.dir;
        let port = free_port()?;
        let access = Access {
            endpoint: format!("http://127.0.0.1:{port}"),
            region: REGION.to_owned(),
            key_id: "FERRULELOCALROOT".to_owned(),
            secret_key: random_secret()?,
        };
        let tmp = dir.join("tmp");
        std::fs::create_dir_all(&tmp).map_err(StackError::io("create", &tmp))?;
        let file = File::create(log).map_err(StackError::io("create", log))?;
        let copy = file.try_clone().map_err(StackError::io("open", log))?;
        let mut command = Command::new(environments.emulator("python"));
        // Functions inherit this environment, so it holds nothing but what they need.
        command.arg(workspace.root().join("infra/emulator.py")).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", dir).env("TMPDIR", &tmp);
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        command.env("AUTH", "true").env("SFTP_ENABLED", "0").env("IOT_MTLS_ENABLED", "0");
        // On AWS the template's LoggingConfig sets these; the emulator does not.
        command.env("AWS_LAMBDA_LOG_FORMAT", "JSON").env("AWS_LAMBDA_LOG_LEVEL", "INFO");
        command.env("DOCKER_HOST", "unix:///no-docker").envs(access.environment());
        // It tells functions to find AWS where it is told itself.
        command.envs(options.proxy.iter().map(|proxy| ("AWS_ENDPOINT_URL", proxy)));
        command.stdin(Stdio::piped()).stdout(file).stderr(copy).process_group(0);
        let child =
            command.spawn().map_err(StackError::io("run", &environments.emulator("python")))?;
        let mut emulator = Self { child, access, dir: dir.clone() };
        emulator.wait_until_up(&command, log)?;
        Ok(emulator)
    }

    fn wait_until_up(&mut self, command: &Command, log: &Path) -> Result<(), StackError> {
        let started = Instant::now();
        while !is_up(&self.access.endpoint) {
            if let Ok(Some(status)) = self.child.try_wait() {
                return super::process::judge(command, log, Ok(status));
            }
            if started.elapsed() > START_LIMIT {
                return Err(StackError::Unexpected(format!(
                    "the local AWS did not answer within {} s, see {}",
                    START_LIMIT.as_secs(),
                    log.display()
                )));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets the emulator outlive this process.
    pub(super) fn keep(mut self) -> Result<(), StackError> {
        let mut pipe = self.child.stdin.take();
        let told = pipe.as_mut().map_or(Ok(()), |pipe| pipe.write_all(b"keep\n"));
        told.map_err(StackError::io("keep", Path::new("the emulator")))?;
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Both may find it gone already, which is what they are for.
        stop(self.child.id(), &self.dir).ok();
        self.child.wait().ok();
    }
}

impl Access {
    /// Returns what every AWS client of this stack needs in its environment, and nothing of the operator's own account.
    pub(super) fn environment(&self) -> [(&'static str, String); 8] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", self.key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_key.clone()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }
}

/// Ends the emulator's process group, itself and the functions it started, and removes what they unpacked.
pub(super) fn stop(pid: u32, dir: &Path) -> Result<(), StackError> {
    let group = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let group = group.ok_or_else(|| StackError::Unexpected(format!("{pid} is no process")))?;
    match kill_process_group(group, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => {
            return Err(StackError::Unexpected(format!("could not stop process {pid}: {error}")));
        }
    }
    let tmp = dir.join("tmp");
    match std::fs::remove_dir_all(&tmp) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StackError::io("remove", &tmp)(error))
        }
        _ => Ok(()),
    }
}

/// Whether an emulator answers at `endpoint`.
pub(super) fn is_up(endpoint: &str) -> bool {
    let address = endpoint.trim_start_matches("http://").parse::<SocketAddr>();
    address
        .is_ok_and(|address| health(address).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")))
}

fn health(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(
        b"GET /_ministack/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    )?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn free_port() -> Result<u16, StackError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(StackError::io("find", Path::new("a free port")))
}

fn random_secret() -> Result<String, StackError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(StackError::io("read", source))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
