//! A real PostgreSQL of the machine's own binaries, for the time of a test process.
//!
//! It listens on a free port of 127.0.0.1, with and without TLS, and is gone with the process that
//! started it, whichever way that ends.

use std::{
    env, fs,
    io::{self, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

const USER: &str = "admin";
const PASSWORD: &str = "s3cret-of-the-admin";

/// Where distributions put what is not in the path.
const FOLDERS: [&str; 4] =
    ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt", "/usr/local/pgsql"];

const CERTIFICATES: &str = "[req]\ndistinguished_name = dn\n[dn]\n[ca]\n\
    basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n\
    subjectKeyIdentifier = hash\n[server]\nbasicConstraints = CA:FALSE\n\
    subjectAltName = DNS:localhost\nextendedKeyUsage = serverAuth\n";

/// The server's shell waits for the end of its input: that is the end of this process.
const SERVE: &str = r#"trap '' INT
"$BIN/postgres" -D data -p "$PORT" -k "$PWD" -c listen_addresses=127.0.0.1 -c ssl=on \
  -c ssl_cert_file="$PWD/server.pem" -c ssl_key_file="$PWD/server.key" -c fsync=off \
  -c full_page_writes=off -c synchronous_commit=off -c max_connections=40 >log 2>&1 &
server=$!
read -r _
kill -QUIT $server
wait $server
cd / && rm -rf "$FOLDER"
"#;

const PREPARE: &str = r#"set -e
umask 077
printf %s "$PGPASSWORD" >password
"$BIN/initdb" -D data -U "$PGUSER" --pwfile=password --auth=scram-sha-256 -E UTF8 --no-locale -N
for ca in ca other; do
  openssl req -x509 -config openssl.cnf -extensions ca -newkey ec \
    -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=Test $ca" \
    -keyout $ca.key -out $ca.pem
done
openssl req -new -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -subj /CN=localhost -keyout server.key -out server.csr
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
  -extfile openssl.cnf -extensions server -out server.pem
"#;

/// A running server.
#[derive(Debug)]
pub struct Server {
    port: u16,
    bin: PathBuf,
    /// Closing its input ends it.
    shell: Child,
    ca: String,
    other_ca: String,
}

impl Server {
    /// Starts a server; `None` when the machine has none, which is said aloud.
    pub fn start() -> Option<Self> {
        let Some(bin) = binaries() else {
            // Not by a macro: this must be seen although the test passes.
            let text = "\nskipped: this machine has no PostgreSQL (initdb, postgres) in its path \
                        nor in /usr/lib/postgresql; the connector is NOT tested\n\n";
            io::stderr().write_all(text.as_bytes()).unwrap();
            return None;
        };
        let folder = folder();
        fs::write(folder.join("openssl.cnf"), CERTIFICATES).unwrap();
        let owner = owner();
        if let Some(owner) = &owner {
            let to = format!("{owner}:");
            let status = Command::new("chown").args(["-R", &to]).arg(&folder).status().unwrap();
            assert!(status.success(), "the folder of the server cannot be given to {owner}");
        }
        let shell = |script: &str, port: u16| {
            let mut command = as_owner(owner.as_deref());
            command.args(["-c", script]).current_dir(&folder);
            command.env("BIN", &bin).env("FOLDER", &folder).env("PORT", port.to_string());
            command.env("PGUSER", USER).env("PGPASSWORD", PASSWORD).env("LC_ALL", "C");
            command
        };
        let made = shell(PREPARE, 0).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let (ca, other_ca) = (read("ca.pem"), read("other.pem"));
        for _ in 0..3 {
            let port = free_port();
            let shell = shell(SERVE, port).stdin(Stdio::piped()).spawn().unwrap();
            let bin = bin.clone();
            let mut server = Self { port, bin, shell, ca: ca.clone(), other_ca: other_ca.clone() };
            if server.is_up() {
                return Some(server);
            }
        }
        panic!("PostgreSQL does not start: {}", read("log"))
    }

    /// Returns the port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the name of the superuser.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// Returns the password of the superuser.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Returns the certificate (PEM) that signed the server's, which is made for `localhost`.
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// Returns a certificate (PEM) that signed nothing.
    pub fn other_ca(&self) -> &str {
        &self.other_ca
    }

    /// Runs SQL as the superuser and returns what it prints: a line a row, columns apart by `|`.
    pub fn sql(&self, text: &str) -> String {
        let output = self
            .tool("psql")
            .args(["-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qAtX", "-c", text])
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}\n{text}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER]);
        command.env("PGPASSWORD", PASSWORD).current_dir("/");
        command
    }

    fn is_up(&mut self) -> bool {
        for _ in 0..300 {
            let ready = self.tool("pg_isready").args(["-q", "-d", "postgres"]).status().unwrap();
            if ready.success() {
                return true;
            }
            if self.shell.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().ok();
    }
}

/// Finds the folder with the server's programs, the newest version first.
fn binaries() -> Option<PathBuf> {
    let is_it = |folder: &PathBuf| {
        ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file())
    };
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    for place in FOLDERS {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        let mut versions: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| place == FOLDERS[0] || path.to_string_lossy().contains("postgresql"))
            .map(|path| path.join("bin"))
            .collect();
        versions.sort_by_key(|path| path.to_string_lossy().len());
        versions.sort_by_key(|path| std::cmp::Reverse(version(path)));
        folders.extend(versions);
        folders.push(Path::new(place).join("bin"));
    }
    folders.into_iter().find(is_it)
}

fn version(path: &Path) -> u32 {
    let digits: String = path.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("ferrule-postgres-{}-{count}", std::process::id());
    let folder = env::temp_dir().join(name);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Returns whom the server runs as when this is root, whom it refuses.
fn owner() -> Option<String> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if id(&["-u"]).as_deref() != Some("0") {
        return None;
    }
    let known = ["postgres", "nobody"].into_iter().find(|name| id(&["-u", name]).is_some());
    Some(known.unwrap_or("nobody").to_owned())
}

fn as_owner(owner: Option<&str>) -> Command {
    let Some(owner) = owner else { return Command::new("sh") };
    let group = Command::new("id").args(["-g", owner]).output().unwrap();
    let group = String::from_utf8_lossy(&group.stdout).trim().to_owned();
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={owner}")).arg(format!("--regid={group}"));
    command.args(["--clear-groups", "sh"]);
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
