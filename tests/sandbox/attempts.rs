//! Attempts inside the sandbox, each in its own process.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as LocalAddr, UnixDatagram};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use bootstone::cli::panics;
use bootstone::sandbox::{self, SandboxConfig};
use rustix::thread::{CapabilitySet, CapabilitySets};
use seccompiler::{SeccompAction, SeccompFilter};
use socket2::{Domain, SockAddr, Type};

/// The variable that names the attempt, for the process started by the test.
pub(crate) const VARIABLE: &str = "BOOTSTONE_TEST_ATTEMPT";
/// Printed once the sandbox is entered.
pub(crate) const INSIDE: &str = "inside: ";
/// Printed if the process survives the attempt.
pub(crate) const SURVIVED: &str = "survived";

/// Prepares an attempt outside, and returns what to do inside.
type Attempt = fn() -> Box<dyn FnOnce()>;

/// Attempts, and the system calls that are stopped. `|` separates those of different C libraries
/// and machines.
pub(crate) const FORBIDDEN: &[(&str, &str, Attempt)] = &[
    ("creates a file", "openat|open", || {
        inside(|| File::create("/tmp/bootstone-was-here"))
    }),
    ("looks at a file", "statx|stat|newfstatat", || {
        inside(|| std::fs::metadata("/"))
    }),
    ("removes a file", "unlink|unlinkat", || {
        inside(|| std::fs::remove_file("/tmp/bootstone-was-here"))
    }),
    ("makes a directory", "mkdir|mkdirat", || {
        inside(|| std::fs::create_dir("/tmp/bootstone-was-here"))
    }),
    ("makes a file in memory", "memfd_create", || {
        inside(|| rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::empty()))
    }),
    ("mounts", "mount", || {
        inside(|| rustix::mount::mount_bind("/", "/"))
    }),
    ("changes its root", "chroot", || {
        inside(|| std::os::unix::fs::chroot("/"))
    }),
    ("becomes another program", "execve", || {
        inside(|| Command::new("/bin/true").exec())
    }),
    ("creates a UDP socket", "socket", || {
        inside(|| UdpSocket::bind("127.0.0.1:0"))
    }),
    ("creates a TCP socket", "socket", || {
        inside(|| TcpListener::bind("127.0.0.1:0"))
    }),
    ("creates a local socket", "socket", || {
        inside(UnixDatagram::unbound)
    }),
    ("creates a pair of datagram sockets", "socketpair", || {
        inside(UnixDatagram::pair)
    }),
    ("binds", "bind", || {
        let socket = tcp_socket();
        inside(move || socket.bind(&loopback()))
    }),
    ("connects", "connect", || {
        let socket = tcp_socket();
        inside(move || socket.connect(&loopback()))
    }),
    ("listens", "listen", || {
        let socket = tcp_socket();
        inside(move || socket.listen(1))
    }),
    ("sets an option of a socket", "setsockopt", || {
        let socket = tcp_socket();
        inside(move || socket.set_reuse_address(true))
    }),
    ("turns a listener into a client", "shutdown", || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        inside(move || {
            let _ = rustix::net::shutdown(&listener, rustix::net::Shutdown::Both);
            send_to_connect(&listener)
        })
    }),
    ("connects by a datagram's call", "sendto", || {
        let socket = tcp_socket();
        inside(move || send_to_connect(&socket))
    }),
    ("connects by a message's call", "sendmsg", || {
        let socket = tcp_socket();
        inside(move || {
            let (data, flags) = ([io::IoSlice::new(b"x")], fast_open());
            let mut nothing = rustix::net::SendAncillaryBuffer::default();
            rustix::net::sendmsg_addr(&socket, &a_listener(), &data, &mut nothing, flags)
        })
    }),
    ("looks at a datagram and leaves it", "recvfrom", || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        inside(move || socket.peek(&mut [0; 16]))
    }),
    ("makes memory executable", "mprotect", || {
        let memory = memmap2::MmapMut::map_anon(4096).unwrap();
        inside(move || memory.make_exec())
    }),
    ("makes a pipe", "pipe2", || inside(std::io::pipe)),
    ("signals a process", "kill", || {
        inside(|| {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM)
        })
    }),
    ("becomes root again", "setresuid", || {
        let root = rustix::thread::Uid::ROOT;
        inside(move || rustix::thread::set_thread_res_uid(root, root, root))
    }),
    ("takes capabilities", "capset", || {
        let all = CapabilitySets {
            effective: CapabilitySet::NET_ADMIN,
            permitted: CapabilitySet::NET_ADMIN,
            inheritable: CapabilitySet::empty(),
        };
        inside(move || rustix::thread::set_capabilities(None, all))
    }),
    ("raises a limit", "prlimit64", || {
        inside(|| rustix::process::getrlimit(rustix::process::Resource::Nofile))
    }),
    ("reads the kernel's name", "uname", || {
        inside(rustix::system::uname)
    }),
    ("lets others trace it", "prctl", || {
        let dumpable = rustix::process::DumpableBehavior::Dumpable;
        inside(move || rustix::process::set_dumpable_behavior(dumpable))
    }),
    ("replaces the handler of violations", "rt_sigaction", || {
        inside(|| vmm_sys_util::signal::register_signal_handler(libc::SIGSYS, ignore))
    }),
    ("adds a filter", "prctl", || {
        inside(|| seccompiler::apply_filter(&a_filter(libc::SYS_read, SeccompAction::Log)))
    }),
    ("does so on a second thread", "openat|open", || {
        inside(|| std::thread::spawn(|| File::create("/tmp/bootstone-was-here")).join())
    }),
];

/// An attempt that is stopped, but not named with glibc, which blocks all signals around it.
pub(crate) const SPAWNS: (&str, Attempt) = ("starts another program", || {
    inside(|| Command::new("/bin/true").spawn())
});

/// An attempt that is stopped with musl, and fails with glibc, whose malloc does the same.
pub(crate) const READS: (&str, Attempt) = ("opens a file to read it", || {
    inside(|| {
        println!(
            "{:?}",
            File::open("/proc/self/status").map_err(|error| error.kind())
        )
    })
});

/// What the server needs.
pub(crate) const NEEDED: &[(&str, Attempt)] = &[
    ("serves on several threads with a runtime each", || {
        let sockets = (0..3).map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
                .send_to(b"to itself", socket.local_addr().unwrap())
                .unwrap();
            socket
        });
        let sockets: Vec<UdpSocket> = sockets.collect();
        inside(move || on_threads(sockets))
    }),
    ("accepts connections", || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(true).unwrap();
        client.set_nonblocking(true).unwrap();
        inside(move || accept(listener, client))
    }),
    ("takes and gives back memory on many threads", || {
        inside(churn)
    }),
    ("hashes, tells the time, prints", || {
        inside(|| {
            let map: HashMap<u32, std::time::Instant> = [(1, std::time::Instant::now())].into();
            println!("{map:?} {:?}", std::time::SystemTime::now());
        })
    }),
    ("sends on a socket that was connected before", || {
        let (local, remote) = UnixDatagram::pair().unwrap();
        inside(move || {
            local.send(b"READY=1").unwrap();
            remote.recv(&mut [0; 16]).unwrap()
        })
    }),
];

/// Panics, which end the process.
pub(crate) const PANICS: &[(&str, Attempt)] = &[
    ("panics", || inside(|| panic!("on purpose"))),
    ("panics on another thread", || {
        inside(|| std::thread::spawn(|| panic!("on purpose")).join())
    }),
    ("panics in a task", || {
        inside(|| {
            runtime().block_on(async {
                let local = tokio::task::LocalSet::new();
                local
                    .run_until(async {
                        tokio::task::spawn_local(async { panic!("on purpose") }).await
                    })
                    .await
            })
        })
    }),
];

/// Makes the attempt that [`VARIABLE`] names, in the sandbox.
pub(crate) fn run(name: &str) -> ExitCode {
    if let Some((_, prepare)) = PRELUDES.iter().find(|(prelude, _)| *prelude == name) {
        return prepare();
    }
    let forbidden = FORBIDDEN.iter().map(|(name, _, attempt)| (name, attempt));
    let others = NEEDED
        .iter()
        .chain(PANICS)
        .chain([&SPAWNS, &READS])
        .map(|(name, attempt)| (name, attempt));
    let (_, prepare) = forbidden
        .chain(others)
        .find(|(known, _)| **known == name)
        .expect("a known attempt");
    let attempt = prepare();
    enter(&SandboxConfig::default());
    panics::abort_on_panic();
    attempt();
    println!("{SURVIVED}");
    ExitCode::SUCCESS
}

type Prelude = (&'static str, fn() -> ExitCode);

/// Entries into the sandbox under various conditions; these print the result.
pub(crate) const PRELUDES: &[Prelude] = &[
    ("plain", || enter(&SandboxConfig::default())),
    ("--user 0", || {
        enter(&SandboxConfig {
            user: "0".parse().ok(),
            ..SandboxConfig::default()
        })
    }),
    ("--user 1000:100", || {
        enter(&SandboxConfig {
            user: "1000:100".parse().ok(),
            ..SandboxConfig::default()
        })
    }),
    ("--no-sandbox", || {
        enter(&SandboxConfig {
            without_filters: true,
            ..SandboxConfig::default()
        })
    }),
    ("a kernel without Landlock", || {
        pretend(libc::SYS_landlock_create_ruleset, libc::ENOSYS);
        enter(&SandboxConfig::default())
    }),
    ("a kernel without seccomp", || {
        pretend(libc::SYS_seccomp, libc::EINVAL);
        enter(&SandboxConfig::default())
    }),
    ("a root that may not change its user", || {
        pretend(libc::SYS_setresuid, libc::EPERM);
        enter(&SandboxConfig::default())
    }),
    ("a user that may not change its groups", || {
        pretend(libc::SYS_setgroups, libc::EPERM);
        enter(&SandboxConfig::default())
    }),
    ("such a root that stays root", || {
        pretend(libc::SYS_setgroups, libc::EPERM);
        enter(&SandboxConfig {
            user: "0".parse().ok(),
            ..SandboxConfig::default()
        })
    }),
    ("a user namespace without that number", || {
        pretend(libc::SYS_setresgid, libc::EINVAL);
        enter(&SandboxConfig::default())
    }),
    ("a second thread", || {
        let (_end, wait) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || wait.recv());
        enter(&SandboxConfig::default())
    }),
    ("a second thread, with --no-sandbox", || {
        let (_end, wait) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || wait.recv());
        enter(&SandboxConfig {
            without_filters: true,
            ..SandboxConfig::default()
        })
    }),
    ("a user with a capability", || {
        become_a_user_with_a_capability();
        enter(&SandboxConfig::default())
    }),
    ("a violation with its signal blocked", || {
        // While the handler of one signal runs, all others are blocked.
        vmm_sys_util::signal::register_signal_handler(libc::SIGUSR1, open_a_file).unwrap();
        enter(&SandboxConfig::default());
        loop {
            std::thread::park();
        }
    }),
    ("Landlock alone", || {
        // seccomp only seems to be in force, and the user may signal its other processes.
        pretend(libc::SYS_seccomp, 0);
        let name = format!("bootstone-attempt-{}", std::process::id());
        let outside = LocalAddr::from_abstract_name(name).unwrap();
        let _socket = UnixDatagram::bind_addr(&outside).unwrap();
        let parent = rustix::process::getppid().unwrap();
        enter(&SandboxConfig {
            user: crate::refusals::is_root().then(|| "0".parse().unwrap()),
            ..SandboxConfig::default()
        });
        show(File::open("/proc/self/status"));
        show(TcpListener::bind("127.0.0.1:0"));
        show(UnixDatagram::unbound().unwrap().connect_addr(&outside));
        show(rustix::process::test_kill_process(parent).map_err(io::Error::from));
        ExitCode::SUCCESS
    }),
    ("an inherited file", || {
        // Several, so that what is opened later does not get the number of the last one.
        let mut files = [(); 8].map(|()| File::open("/etc/passwd").unwrap());
        sandbox::close_inherited(&[]).unwrap();
        enter(&SandboxConfig::default());
        println!("stdin: {:?}", io::stdin().read(&mut [0; 16]));
        let result = files[7].read(&mut [0; 16]);
        println!("file: {:?}", result.map_err(|error| error.raw_os_error()));
        // Their descriptors are closed already.
        std::mem::forget(files);
        ExitCode::SUCCESS
    }),
];

fn show<T: std::fmt::Debug>(result: io::Result<T>) {
    println!("{:?}", result.map_err(|error| error.kind()));
}

/// Enters the sandbox, and prints its status and that of the kernel.
fn enter(config: &SandboxConfig) -> ExitCode {
    // Opened before the sandbox, read inside.
    let proc_status = File::open("/proc/thread-self/status").unwrap();
    match sandbox::enter(config) {
        Ok(status) => {
            println!("{INSIDE}{status:?}");
            status.warnings().for_each(|warning| println!("{warning}"));
            let mut text = [0; 4096];
            let length = std::os::unix::fs::FileExt::read_at(&proc_status, &mut text, 0).unwrap();
            println!("{}", String::from_utf8_lossy(&text[..length]));
            ExitCode::SUCCESS
        }
        Err(message) => {
            println!("{message}");
            ExitCode::from(2)
        }
    }
}

fn inside<T>(attempt: impl FnOnce() -> T + 'static) -> Box<dyn FnOnce()> {
    Box::new(move || {
        attempt();
    })
}

fn tcp_socket() -> socket2::Socket {
    socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()
}

/// TCP Fast Open connects and sends in one call, without `connect`.
fn send_to_connect(socket: impl AsFd) -> rustix::io::Result<usize> {
    rustix::net::sendto(socket, b"x", fast_open(), &a_listener())
}

fn fast_open() -> rustix::net::SendFlags {
    rustix::net::SendFlags::from_bits_retain(libc::MSG_FASTOPEN as u32)
}

fn a_listener() -> std::net::SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

fn loopback() -> SockAddr {
    a_listener().into()
}

extern "C" fn ignore(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

/// Makes the kernel answer one call with this error, or with success and nothing done.
fn pretend(call: i64, errno: i32) {
    let filter = a_filter(call, SeccompAction::Errno(errno as u32));
    seccompiler::apply_filter(&filter).unwrap();
}

fn a_filter(call: i64, action: SeccompAction) -> seccompiler::BpfProgram {
    let machine = std::env::consts::ARCH.try_into().unwrap();
    let rules = [(call, vec![])].into();
    SeccompFilter::new(rules, SeccompAction::Allow, action, machine)
        .unwrap()
        .try_into()
        .unwrap()
}

/// As with `setcap cap_net_bind_service=ep`, or systemd's AmbientCapabilities.
fn become_a_user_with_a_capability() {
    use rustix::thread::{Uid, set_capabilities, set_keep_capabilities, set_thread_res_uid};
    let user = Uid::from_raw(1000);
    set_keep_capabilities(true).unwrap();
    set_thread_res_uid(user, user, user).unwrap();
    let bind = CapabilitySet::NET_BIND_SERVICE;
    let sets = CapabilitySets {
        effective: bind,
        permitted: bind,
        inheritable: bind,
    };
    set_capabilities(None, sets).unwrap();
    rustix::thread::configure_capability_in_ambient_set(bind, true).unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Each thread has a name, a runtime, a datagram to itself, a timer and a handler of SIGTERM.
fn on_threads(sockets: Vec<UdpSocket>) {
    let threads = sockets.into_iter().map(|socket| {
        let builder = std::thread::Builder::new().name("a worker".to_owned());
        builder
            .spawn(move || runtime().block_on(to_itself(socket)))
            .unwrap()
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
}

async fn to_itself(socket: UdpSocket) {
    let terminate = tokio::signal::unix::SignalKind::terminate();
    let _terminate = tokio::signal::unix::signal(terminate).unwrap();
    let socket = tokio::net::UdpSocket::from_std(socket).unwrap();
    let (length, peer) = socket.recv_from(&mut [0; 16]).await.unwrap();
    assert_eq!(length, b"to itself".len());
    socket.send_to(b"and again", peer).await.unwrap();
    tokio::time::timeout(Duration::from_nanos(1), std::future::pending::<()>())
        .await
        .unwrap_err();
}

/// As an HTTP server does it.
fn accept(listener: TcpListener, client: TcpStream) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let serve = async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let (mut local, _) = listener.accept().await.unwrap();
        local.set_nodelay(true).unwrap();
        let mut remote = tokio::net::TcpStream::from_std(client).unwrap();
        remote.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let length = local.read(&mut [0; 64]).await.unwrap();
        assert!(local.local_addr().unwrap().ip().is_loopback());
        local.write_all(b"200body").await.unwrap();
        local.set_zero_linger().unwrap();
        local.shutdown().await.unwrap();
        let mut answer = Vec::new();
        remote.read_to_end(&mut answer).await.unwrap();
        assert_eq!((length, answer.as_slice()), (18, &b"200body"[..]));
    };
    runtime().block_on(serve);
}

/// Enough to fill a thread's own heap, and to have it returned to the kernel.
fn churn() {
    let thread = || {
        let mut blocks: Vec<Vec<u8>> = (0..500).map(|n| vec![n as u8; 50_000]).collect();
        blocks.iter_mut().for_each(|block| block.resize(60_000, 1));
        while blocks.pop().is_some() {}
        (0..50).for_each(|n| drop(vec![1; n << 16]));
    };
    for thread in (0..4)
        .map(|_| std::thread::spawn(thread))
        .collect::<Vec<_>>()
    {
        thread.join().unwrap();
    }
}

extern "C" fn open_a_file(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let _ = File::create("/tmp/bootstone-was-here");
}
