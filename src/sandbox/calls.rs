//! The list of system calls that a running server needs, with a reason for each.
//!
//! A call that is not listed ends the process. (With glibc an attempt to open a file for reading
//! fails without ending the process: see [`REFUSED`].) The target defines the numbers (x86-64 and
//! aarch64, musl and glibc). A call with conditions in parentheses is allowed only if they hold;
//! several lines of one call are alternatives. So no line gives access to a new file, program,
//! address or process.

use libc::*;

/// A system call of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// `SYS_` and the name.
    symbol: &'static str,
    /// The number on this target.
    pub number: i64,
    /// Conditions that all have to hold.
    pub conditions: &'static [Condition],
}

impl Call {
    /// The name, as in section 2 of the manual.
    pub(super) fn name(&self) -> &'static str {
        self.symbol.trim_start_matches("SYS_")
    }
}

/// A condition on the lower 32 bits of an argument, counted from 0. None of the checked arguments
/// uses more bits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition {
    /// The argument has this value.
    Is(u8, u32),
    /// The argument has any other value.
    IsNot(u8, u32),
    /// The argument, masked with the second value, equals the third.
    Bits(u8, u32, u32),
    /// The argument is the id of this process.
    ThisProcess(u8),
}

use Condition::{Bits, Is, IsNot, ThisProcess};

/// Makes a [`Call`] from each line `name (conditions): "who needs it, and for what";`. The reason
/// is mandatory, and is not compiled into the binary.
macro_rules! calls {
    ($($(#[$for:meta])* $symbol:ident $(($($condition:expr),+))?: $needed_by:literal;)*) => {
        &[$($(#[$for])* Call {
            symbol: stringify!($symbol),
            number: $symbol,
            conditions: &[$($($condition),+)?],
        }),*]
    };
}

/// The flags of `clone` that make a thread of this process.
const THREAD: u32 = (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD) as u32;
/// The flags of `clone` that make another process or a namespace.
const NOT_THREAD: u32 = (CLONE_NEWNS
    | CLONE_NEWCGROUP
    | CLONE_NEWUTS
    | CLONE_NEWIPC
    | CLONE_NEWUSER
    | CLONE_NEWPID
    | CLONE_NEWNET
    | CLONE_PTRACE
    | CLONE_VFORK) as u32;

/// All bits except these, for a condition that no other bit is set.
const fn except(bits: i32) -> u32 {
    !(bits as u32)
}

/// Protection of memory that the server asks for: none of it is executable.
const DATA: i32 = PROT_READ | PROT_WRITE;
/// Flags of `mmap` that malloc and stacks add to private memory without a file.
const FROM_MALLOC: i32 = MAP_NORESERVE | MAP_STACK;
const PRIVATE_MEMORY: u32 = (MAP_PRIVATE | MAP_ANONYMOUS) as u32;
/// The modifiers of an operation of `futex`.
const FUTEX_MODIFIERS: i32 = FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME;
/// Advice of Linux 6.13, which `libc` does not have yet.
const MADV_GUARD_INSTALL: u32 = 102;
const MADV_GUARD_REMOVE: u32 = 103;

/// The allowed calls that each datagram takes. The filter compares them first: in the order of the
/// numbers `recvmmsg` takes 114 instructions and 60 ns longer than without a filter, and so 14 and
/// 15 ns. Waiting for events is not among them: the kernel keeps calls without conditions in a
/// bitmap, and does not run the filter.
#[rustfmt::skip]
pub(super) const FREQUENT: &[Call] = calls! {
    SYS_recvmmsg (Is(3, 0), Is(4, 0)): "net::socket: receives datagrams in batches";
    SYS_sendto (Is(3, MSG_NOSIGNAL as u32)): "net::socket: a single datagram; tokio: the handler of SIGTERM; net::systemd: STOPPING; http: responses";
    SYS_sendmsg (Is(2, 0)): "net::socket: a window in one call; datagrams that need a source address";
};

/// The other allowed calls.
#[rustfmt::skip]
pub(super) const ALLOWED: &[Call] = calls! {
    // Datagrams
    SYS_recvmsg (Is(2, (MSG_ERRQUEUE | MSG_DONTWAIT) as u32)): "net::icmp: ICMP messages";

    SYS_setsockopt (Is(1, IPPROTO_IP as u32), Is(2, IP_MTU_DISCOVER as u32)): "net::fragments: a datagram that is too large for its path";
    SYS_setsockopt (Is(1, IPPROTO_IPV6 as u32), Is(2, IPV6_MTU_DISCOVER as u32)): "net::fragments: the same for IPv6";

    // The runtime of each thread
    SYS_epoll_create1 (Is(0, EPOLL_CLOEXEC as u32)): "tokio: one for each runtime";
    SYS_epoll_ctl: "tokio: sockets come and go";
    #[cfg(target_arch = "x86_64")]
    SYS_epoll_wait: "tokio, with glibc: waits for datagrams and timers";
    SYS_epoll_pwait: "tokio, with musl or on aarch64: waits for datagrams and timers";
    SYS_eventfd2 (Is(1, (EFD_CLOEXEC | EFD_NONBLOCK) as u32)): "tokio: wakes a runtime";
    SYS_write: "tokio wakes a runtime; log: lines";
    SYS_read: "tokio: empties an eventfd that is full";
    SYS_socketpair (Is(0, AF_UNIX as u32), Is(1, (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK) as u32), Is(2, 0)): "tokio: from the handler of SIGTERM to the loop";
    SYS_recvfrom (Is(3, 0)): "tokio: SIGTERM has arrived; http: requests";
    SYS_fcntl (Is(1, F_DUPFD_CLOEXEC as u32)): "tokio: a runtime duplicates its epoll and the pipe of signals";
    SYS_fcntl (Is(1, F_SETFD as u32), Is(2, FD_CLOEXEC as u32)): "musl: after each F_DUPFD_CLOEXEC";
    SYS_fcntl (Is(1, F_GETFL as u32)): "tokio: is this socket non-blocking?";
    SYS_fcntl (Is(1, F_GETFD as u32)): "std, in debug builds: is this descriptor open?";
    SYS_close: "everything";

    // The HTTP listener, which is open already
    SYS_accept4 (Is(3, (SOCK_CLOEXEC | SOCK_NONBLOCK) as u32)): "http: accepts a connection";
    SYS_getsockopt (Is(1, SOL_SOCKET as u32), Is(2, SO_ERROR as u32)): "tokio: why a connection failed";
    SYS_setsockopt (Is(1, IPPROTO_TCP as u32), Is(2, TCP_NODELAY as u32)): "http: sends at once (TCP_NODELAY)";
    SYS_setsockopt (Is(1, SOL_SOCKET as u32), Is(2, SO_LINGER as u32)): "http: resets a connection that the client does not read";
    SYS_getsockname: "http: the local address of a connection";
    // SHUT_RD would turn the listener into a socket that can connect.
    SYS_shutdown (Is(1, SHUT_WR as u32)): "http: closes a connection";

    // Threads
    SYS_clone (Bits(0, THREAD | NOT_THREAD, THREAD)): "std: a thread, and nothing else";
    SYS_set_robust_list: "glibc: each new thread";
    SYS_rseq (Is(2, 0)): "glibc: each new thread";
    SYS_prctl (Is(0, PR_SET_NAME as u32)): "std: each new thread gets its name";
    SYS_sched_getaffinity: "glibc: each new thread, for its stack and its malloc";
    SYS_sigaltstack: "std: each new thread, to report a stack overflow";
    SYS_rt_sigprocmask: "musl and glibc: around a new thread, and in abort";
    SYS_futex (Bits(1, except(FUTEX_MODIFIERS), FUTEX_WAKE as u32)): "std, musl and glibc: locks and channels wake a thread";
    SYS_futex (Bits(1, except(FUTEX_MODIFIERS), FUTEX_WAIT_BITSET as u32)): "std and glibc: locks, channels, join";
    SYS_futex (Bits(1, except(FUTEX_MODIFIERS), FUTEX_WAIT as u32)): "musl and glibc: locks, join";
    SYS_sched_yield: "std: channels and locks, before they sleep";
    SYS_exit: "the end of a thread";

    // Memory, none of it executable, none of it a file
    SYS_brk: "malloc";
    SYS_mmap (Bits(2, except(DATA), 0), Bits(3, except(FROM_MALLOC), PRIVATE_MEMORY)): "malloc; stacks of threads";
    SYS_mprotect (Bits(2, except(DATA), 0)): "malloc; guard pages of stacks";
    SYS_mremap (Is(3, MREMAP_MAYMOVE as u32)): "malloc";
    SYS_madvise (Is(2, MADV_DONTNEED as u32)): "malloc; glibc, when a thread ends";
    SYS_madvise (Is(2, MADV_FREE as u32)): "musl: malloc, where it is built so";
    SYS_madvise (Is(2, MADV_GUARD_INSTALL)): "glibc 2.42: guard pages of stacks";
    SYS_madvise (Is(2, MADV_GUARD_REMOVE)): "glibc 2.42: guard pages of stacks";
    SYS_munmap: "malloc; stacks of threads";

    // Time and random numbers
    SYS_clock_gettime: "std: the clock, where there is no vDSO";
    SYS_getrandom (Bits(2, except((GRND_NONBLOCK | GRND_INSECURE) as i32), 0)): "std: the seed of hash tables, on each thread";
    SYS_restart_syscall: "the kernel: a wait goes on after a stop";

    // Signals and the end
    SYS_rt_sigaction (IsNot(0, SIGSYS as u32)): "tokio: SIGTERM and the other signals; abort";
    SYS_rt_sigreturn: "the end of each signal handler";
    SYS_getpid: "glibc: abort";
    SYS_gettid: "glibc: abort; std: the name of a thread that panics";
    SYS_tgkill (ThisProcess(0), Is(2, SIGABRT as u32)): "glibc: abort";
    SYS_tkill (Is(1, SIGABRT as u32)): "musl: abort";
    SYS_pread64: "sandbox::violation: which call it was";
    SYS_exit_group: "the end";
};

/// The calls that fail with ENOSYS and do not end the process: the C library makes them, and has a
/// fallback.
#[rustfmt::skip]
pub(super) const REFUSED: &[Call] = calls! {
    SYS_clone3: "glibc: no such call (ENOSYS), so it takes clone, whose flags a filter can see";
    #[cfg(target_env = "gnu")]
    SYS_openat (Is(2, (O_RDONLY | O_CLOEXEC) as u32)): "glibc: malloc on a thread reads vm.overcommit_memory; without it, malloc keeps its memory";
};

/// Other calls whose names a message can give: those that an attacker would try, and those that a
/// new feature might need.
#[rustfmt::skip]
pub(super) const KNOWN: &[Call] = calls! {
    SYS_openat: "files";
    SYS_openat2: "files";
    #[cfg(target_arch = "x86_64")]
    SYS_open: "files";
    SYS_statx: "files";
    SYS_newfstatat: "files";
    #[cfg(target_arch = "x86_64")]
    SYS_stat: "files";
    SYS_fstat: "files";
    SYS_readlinkat: "files";
    SYS_getdents64: "files";
    SYS_mkdirat: "files";
    #[cfg(target_arch = "x86_64")]
    SYS_mkdir: "files";
    SYS_unlinkat: "files";
    #[cfg(target_arch = "x86_64")]
    SYS_unlink: "files";
    SYS_fchmodat: "files";
    #[cfg(target_arch = "x86_64")]
    SYS_chmod: "files";
    SYS_memfd_create: "files";
    SYS_mount: "files";
    SYS_chroot: "files";
    SYS_execve: "programs";
    SYS_execveat: "programs";
    #[cfg(target_arch = "x86_64")]
    SYS_fork: "programs";
    #[cfg(target_arch = "x86_64")]
    SYS_vfork: "programs";
    SYS_wait4: "programs";
    SYS_pipe2: "programs";
    SYS_dup3: "programs";
    SYS_socket: "addresses";
    SYS_bind: "addresses";
    SYS_connect: "addresses";
    SYS_listen: "addresses";
    SYS_getpeername: "addresses";
    SYS_writev: "several buffers in one call";
    SYS_sendmmsg: "addresses";
    SYS_ioctl: "devices";
    SYS_io_uring_setup: "a way around this list";
    SYS_seccomp: "a way around this list";
    SYS_bpf: "the kernel";
    SYS_perf_event_open: "the kernel";
    SYS_userfaultfd: "the kernel";
    SYS_keyctl: "the kernel";
    SYS_finit_module: "the kernel";
    SYS_reboot: "the kernel";
    SYS_uname: "the kernel";
    SYS_ptrace: "other processes";
    SYS_process_vm_readv: "other processes";
    SYS_process_vm_writev: "other processes";
    SYS_pidfd_open: "other processes";
    SYS_kill: "other processes";
    SYS_setresuid: "rights";
    SYS_setuid: "rights";
    SYS_setgroups: "rights";
    SYS_capset: "rights";
    SYS_unshare: "rights";
    SYS_setns: "rights";
    SYS_prlimit64: "limits";
    SYS_clock_nanosleep: "time";
    SYS_ppoll: "waiting";
    #[cfg(target_arch = "x86_64")]
    SYS_poll: "waiting";
};

/// The name of a call by its number, if a list has it.
pub(super) fn name_of(number: i64) -> Option<&'static str> {
    let mut known = [FREQUENT, ALLOWED, REFUSED, KNOWN].into_iter().flatten();
    known.find(|call| call.number == number).map(Call::name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::str::FromStr;

    use super::*;

    fn all() -> impl Iterator<Item = &'static Call> {
        [FREQUENT, ALLOWED, REFUSED, KNOWN].into_iter().flatten()
    }

    /// The name of a call in the table of `syscalls` for aarch64, where `newfstatat` lacks its `new`.
    fn on_aarch64(name: &str) -> &str {
        match name {
            "newfstatat" => "fstatat",
            other => other,
        }
    }

    /// Compares names and numbers with those of an independent table.
    #[test]
    fn names_and_numbers_are_the_kernels() {
        for call in all() {
            let name = match cfg!(target_arch = "aarch64") {
                true => on_aarch64(call.name()),
                false => call.name(),
            };
            let known = syscalls::Sysno::from_str(name).unwrap_or_else(|_| panic!("{name}"));
            assert_eq!(i64::from(known.id()), call.number, "{}", call.name());
            assert_eq!(name_of(call.number), Some(call.name()));
        }
    }

    /// The calls that exist on x86-64 only; all others exist on aarch64 as well.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn aarch64_lacks_only_the_old_calls() {
        let missing: BTreeSet<&str> = all()
            .map(Call::name)
            .filter(|name| syscalls::aarch64::Sysno::from_str(on_aarch64(name)).is_err())
            .collect();
        let old = [
            "chmod",
            "epoll_wait",
            "fork",
            "mkdir",
            "open",
            "poll",
            "stat",
            "unlink",
            "vfork",
        ];
        assert_eq!(missing, BTreeSet::from(old));
    }

    #[test]
    fn dangerous_calls_are_not_allowed() {
        let never: BTreeSet<i64> = KNOWN.iter().map(|call| call.number).collect();
        for call in FREQUENT.iter().chain(ALLOWED) {
            assert!(!never.contains(&call.number), "{}", call.name());
        }
    }
}
