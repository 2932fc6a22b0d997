//! Child processes that do not outlive the test process.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal};

use crate::wait;

/// How long a signal may take to show its effect.
const SIGNAL_WAIT: Duration = Duration::from_secs(10);
const LOG_TAIL_BYTES: u64 = 16 * 1024;
const LOG_TAIL_LINES: usize = 30;

/// What to run.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program, by name or path.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables added to the inherited environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The file to which standard output and standard error are appended.
    pub log: PathBuf,
    /// Whether the process gets a PID and a mount namespace of its own (needs root): everything it
    /// started, and every mount it made, then ends with it.
    pub isolated: bool,
}

impl Launch {
    /// `program` without arguments, which logs to `log`.
    pub fn new(program: impl AsRef<OsStr>, log: impl Into<PathBuf>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            log: log.into(),
            isolated: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Adds `name=value` to the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Gives the process namespaces of its own, see [`Launch::isolated`].
    #[must_use]
    pub fn isolated(mut self) -> Self {
        self.isolated = true;
        self
    }

    fn command(&self) -> Result<Command> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot open the log {}", self.log.display()))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        if self.isolated {
            command.args(["unshare", "--pid", "--mount", "--mount-proc"]);
            command.args(["--fork", "--kill-child=KILL", "--"]);
        }
        command.arg(&self.program).args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }
}

/// A running child process. Dropping it kills the process and waits for its end.
#[derive(Debug)]
pub struct Server {
    launch: Launch,
    child: Mutex<Child>,
}

impl Server {
    /// Starts the process; it also ends when this test process dies.
    pub fn spawn(launch: Launch) -> Result<Self> {
        let child = Mutex::new(spawn_from_keeper(&launch)?);
        Ok(Self { launch, child })
    }

    /// Starts the process again with the same arguments after [`Server::kill9`] or its own end.
    pub fn respawn(&self) -> Result<()> {
        let mut child = self.child();
        ensure!(child.try_wait()?.is_some(), "{} still runs", self.name());
        *child = spawn_from_keeper(&self.launch)?;
        Ok(())
    }

    /// The id of the server's process, also after its end.
    pub fn pid(&self) -> u32 {
        let wrapper = self.child().id();
        self.inner(wrapper).unwrap_or(wrapper)
    }

    /// Whether the process runs (or is paused).
    pub fn is_running(&self) -> bool {
        matches!(self.child().try_wait(), Ok(None))
    }

    /// The file with the process' output.
    pub fn log(&self) -> &Path {
        &self.launch.log
    }

    /// Kills the process with SIGKILL and waits for its end. Not an error if it has ended already.
    pub fn kill9(&self) -> Result<()> {
        let mut child = self.child();
        // In an isolated process' place runs a wrapper, which ends only after the namespace's last
        // process if the namespace's first one is killed.
        let result = match self.inner(child.id()) {
            Some(inner) => signal(inner, Signal::KILL),
            None => child.kill().map_err(Into::into),
        };
        result.with_context(|| format!("cannot kill {}", self.name()))?;
        child.wait().with_context(|| format!("cannot wait for {}", self.name()))?;
        Ok(())
    }

    /// Stops the process with SIGSTOP and returns once it stands still: its connections stay open
    /// and no longer answer.
    pub fn pause(&self) -> Result<()> {
        let pid = self.pid();
        signal(pid, Signal::STOP).with_context(|| format!("cannot pause {}", self.name()))?;
        wait::poll(SIGNAL_WAIT, || (state(pid)? == 'T').then_some(()))
            .with_context(|| format!("{} did not stop within {SIGNAL_WAIT:?}", self.name()))
    }

    /// Lets a paused process go on.
    pub fn resume(&self) -> Result<()> {
        signal(self.pid(), Signal::CONT).with_context(|| format!("cannot resume {}", self.name()))
    }

    /// Polls `probe` until it succeeds. The error after `within`, or after the end of the process,
    /// carries the probe's last error and the last lines of the log.
    pub fn wait_ready(&self, within: Duration, mut probe: impl FnMut() -> Result<()>) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let exit = self.child().try_wait()?;
            if let Some(status) = exit {
                bail!("{} ended before it was ready ({status})\n{}", self.name(), self.log_tail());
            }
            let Err(error) = probe() else { return Ok(()) };
            if Instant::now() >= deadline {
                let tail = self.log_tail();
                bail!("{} was not ready within {within:?}: {error:#}\n{tail}", self.name());
            }
            thread::sleep(wait::INTERVAL);
        }
    }

    /// The last lines of the log, for messages.
    pub fn log_tail(&self) -> String {
        tail(self.log()).unwrap_or_else(|error| format!("(no log: {error})"))
    }

    fn name(&self) -> String {
        Path::new(&self.launch.program).file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first process of the namespace which the wrapper `wrapper` made.
    fn inner(&self, wrapper: u32) -> Option<u32> {
        if !self.launch.isolated {
            return None;
        }
        let children = fs::read_to_string(format!("/proc/{wrapper}/task/{wrapper}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to report to, and the kernel kills the child with this process at the
        // latest.
        let _ = self.kill9();
    }
}

/// Kills every process whose command line names something below `directory`: what a killed program had started
/// itself and left running.
pub(crate) fn kill_all_of(directory: &Path) {
    let directory = directory.to_string_lossy();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if pid != std::process::id() && String::from_utf8_lossy(&command).contains(directory.as_ref()) {
            // It may have ended by itself meanwhile.
            let _ = signal(pid, Signal::KILL);
        }
    }
}

/// Whether a process with this id runs; a zombie does not.
pub fn is_alive(pid: u32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// The state letter of a process as in `/proc/<pid>/stat`.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the state stands in parentheses and may itself hold some.
    stat.rsplit_once(") ")?.1.chars().next()
}

fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("process id 0")?;
    rustix::process::kill_process(pid, signal)?;
    Ok(())
}

fn tail(log: &Path) -> Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n"))
}

type Job = (Command, Sender<std::io::Result<Child>>);

/// Spawns from a thread that lives as long as the process: the parent-death signal is sent when the
/// spawning *thread* ends, and the thread of a test ends long before a shared server may.
fn spawn_from_keeper(launch: &Launch) -> Result<Child> {
    static KEEPER: OnceLock<Sender<Job>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::spawn(move || {
            for (mut command, reply) in jobs {
                // A caller that went away gets no child: dropping the handle would leave it running.
                if let Err(mpsc::SendError(Ok(mut child))) = reply.send(command.spawn()) {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        });
        sender
    });
    let (reply, spawned) = mpsc::channel();
    keeper.send((launch.command()?, reply)).map_err(|_| anyhow!("the keeper thread has ended"))?;
    let child = spawned.recv().context("the keeper thread has ended")?;
    child.context("cannot start setpriv (of util-linux)")
}
