//! What is done inside the sandbox, each in a process of its own.

use std::collections::HashMap;
use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use bootstone::cli::panics;
use bootstone::sandbox::{self, Wish};
use rustix::thread::{CapabilitySet, CapabilitySets};
use seccompiler::{SeccompAction, SeccompFilter};
use socket2::{Domain, SockAddr, Type};

/// Names the deed, for this executable started again.
pub(crate) const VARIABLE: &str = "BOOTSTONE_TEST_DEED";
/// Said once the sandbox is entered.
pub(crate) const INSIDE: &str = "inside: ";
/// Said if the process lives on after the deed.
pub(crate) const SURVIVED: &str = "survived";

/// What is made ready outside, and then done inside.
type Deed = fn() -> Box<dyn FnOnce()>;

/// The deed, and the call that stops it: `|` is between what the C libraries and machines make of it.
pub(crate) const FORBIDDEN: &[(&str, &str, Deed)] = &[
    ("creates a file", "openat|open", || {
        inside(|| File::create("/tmp/bootstone-was-here"))
    }),
    ("looks at a file", "statx|stat", || {
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
    ("asks for the kernel's name", "uname", || {
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

/// What is stopped, but not named by every C library: glibc blocks all signals around it.
pub(crate) const SPAWNS: (&str, Deed) = ("starts another program", || {
    inside(|| Command::new("/bin/true").spawn())
});

/// What is stopped with musl, and fails with glibc, whose malloc does the same.
pub(crate) const READS: (&str, Deed) = ("opens a file to read it", || {
    inside(|| {
        println!(
            "{:?}",
            File::open("/proc/self/status").map_err(|error| error.kind())
        )
    })
});

/// What the server needs, and must therefore work.
pub(crate) const NEEDED: &[(&str, Deed)] = &[
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
        let (near, far) = UnixDatagram::pair().unwrap();
        inside(move || {
            near.send(b"READY=1").unwrap();
            far.recv(&mut [0; 16]).unwrap()
        })
    }),
];

/// What ends the process by a panic.
pub(crate) const PANICS: &[(&str, Deed)] = &[
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

/// Does what [`VARIABLE`] names, in the sandbox.
pub(crate) fn run(name: &str) -> ExitCode {
    if let Some((_, prepare)) = PRELUDES.iter().find(|(prelude, _)| *prelude == name) {
        return prepare();
    }
    let forbidden = FORBIDDEN.iter().map(|(name, _, deed)| (name, deed));
    let others = NEEDED
        .iter()
        .chain(PANICS)
        .chain([&SPAWNS, &READS])
        .map(|(name, deed)| (name, deed));
    let (_, prepare) = forbidden
        .chain(others)
        .find(|(known, _)| **known == name)
        .expect("a known deed");
    let deed = prepare();
    enter(&Wish::default());
    panics::end_the_process();
    deed();
    println!("{SURVIVED}");
    ExitCode::SUCCESS
}

type Prelude = (&'static str, fn() -> ExitCode);

/// What happens before the sandbox, or in its place; these print what came of it.
pub(crate) const PRELUDES: &[Prelude] = &[
    ("plain", || enter(&Wish::default())),
    ("--user 0", || {
        enter(&Wish {
            user: "0".parse().ok(),
            ..Wish::default()
        })
    }),
    ("--user 1000:100", || {
        enter(&Wish {
            user: "1000:100".parse().ok(),
            ..Wish::default()
        })
    }),
    ("--no-sandbox", || {
        enter(&Wish {
            without_filters: true,
            ..Wish::default()
        })
    }),
    ("a kernel without Landlock", || {
        pretend(libc::SYS_landlock_create_ruleset, libc::ENOSYS);
        enter(&Wish::default())
    }),
    ("a kernel without seccomp", || {
        pretend(libc::SYS_seccomp, libc::EINVAL);
        enter(&Wish::default())
    }),
    ("a root that may not change its user", || {
        pretend(libc::SYS_setresuid, libc::EPERM);
        enter(&Wish::default())
    }),
    ("a user that may not change its groups", || {
        pretend(libc::SYS_setgroups, libc::EPERM);
        enter(&Wish::default())
    }),
    ("such a root that stays root", || {
        pretend(libc::SYS_setgroups, libc::EPERM);
        enter(&Wish {
            user: "0".parse().ok(),
            ..Wish::default()
        })
    }),
    ("a user namespace without that number", || {
        pretend(libc::SYS_setresgid, libc::EINVAL);
        enter(&Wish::default())
    }),
    ("a second thread", || {
        let (_end, wait) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || wait.recv());
        enter(&Wish::default())
    }),
    ("a user with a capability", || {
        become_a_user_with_a_capability();
        enter(&Wish::default())
    }),
    ("a violation with its signal blocked", || {
        // While the handler of one signal runs, all others are blocked.
        vmm_sys_util::signal::register_signal_handler(libc::SIGUSR1, open_a_file).unwrap();
        enter(&Wish::default());
        loop {
            std::thread::park();
        }
    }),
    ("Landlock alone", || {
        // Filters are said to be in force, and are not.
        pretend(libc::SYS_seccomp, 0);
        enter(&Wish::default());
        println!(
            "{:?}",
            File::open("/proc/self/status").map_err(|error| error.kind())
        );
        println!(
            "{:?}",
            TcpListener::bind("127.0.0.1:0").map_err(|error| error.kind())
        );
        ExitCode::SUCCESS
    }),
];

/// Enters, says what took effect and what the kernel knows of it.
fn enter(wish: &Wish) -> ExitCode {
    // Opened before there is no opening; read after.
    let status = File::open("/proc/thread-self/status").unwrap();
    match sandbox::enter(wish) {
        Ok(confinement) => {
            println!("{INSIDE}{confinement:?}");
            confinement
                .warnings()
                .for_each(|warning| println!("{warning}"));
            let mut text = [0; 4096];
            let length = std::os::unix::fs::FileExt::read_at(&status, &mut text, 0).unwrap();
            println!("{}", String::from_utf8_lossy(&text[..length]));
            ExitCode::SUCCESS
        }
        Err(message) => {
            println!("{message}");
            ExitCode::from(2)
        }
    }
}

fn inside<T>(deed: impl FnOnce() -> T + 'static) -> Box<dyn FnOnce()> {
    Box::new(move || {
        deed();
    })
}

fn tcp_socket() -> socket2::Socket {
    socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()
}

fn loopback() -> SockAddr {
    std::net::SocketAddr::from(([127, 0, 0, 1], 9)).into()
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

/// Each thread: a name, a runtime of its own, a datagram to itself, a timer, an eye on SIGTERM.
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
        let (mut near, _) = listener.accept().await.unwrap();
        near.set_nodelay(true).unwrap();
        let mut far = tokio::net::TcpStream::from_std(client).unwrap();
        far.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let length = near.read(&mut [0; 64]).await.unwrap();
        assert!(near.local_addr().unwrap().ip().is_loopback());
        near.write_all(b"200body").await.unwrap();
        near.set_zero_linger().unwrap();
        near.shutdown().await.unwrap();
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).await.unwrap();
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
