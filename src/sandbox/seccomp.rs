//! Installs the seccomp filter for the list of [`calls`](super::calls).
//!
//! `seccompiler` compares the calls in the order of their numbers, which cannot be changed. So the
//! filter is a chain of three programs: what each datagram takes is compared first.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter,
};

use super::calls::{ALLOWED, Call, Condition, FREQUENT, REFUSED};
use super::state::Mechanism;
use super::violation;

/// Installs the filter. From then on any call that is not listed ends the process.
pub(super) fn enter() -> Result<Mechanism, String> {
    violation::install_handler()?;
    let filter = filter().map_err(|error| format!("the list of calls is wrong: {error}"))?;
    apply_filter(&filter).map_err(|error| {
        format!(
            "this kernel cannot filter system calls: {error}. --no-sandbox runs without the \
             filter, at your own risk"
        )
    })?;
    Ok(Mechanism::On)
}

/// The lists as one BPF program.
fn filter() -> Result<BpfProgram, BackendError> {
    let no_such_call = SeccompAction::Errno(libc::ENOSYS as u32);
    let mut filter = program(FREQUENT, SeccompAction::Allow)?;
    for (calls, action) in [(REFUSED, no_such_call), (ALLOWED, SeccompAction::Allow)] {
        // The last instruction ends a call that no list has. Without it the next program decides.
        filter.pop();
        filter.extend(program(calls, action)?);
    }
    Ok(filter)
}

/// A program that traps all calls except the listed ones.
fn program(calls: &[Call], listed: SeccompAction) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in calls {
        let alternatives = rules.entry(call.number).or_default();
        if !call.conditions.is_empty() {
            let conditions = call.conditions.iter().map(condition);
            alternatives.push(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?);
        }
    }
    let machine = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Trap, listed, machine)?.try_into()
}

fn condition(condition: &Condition) -> Result<SeccompCondition, BackendError> {
    let (argument, test, value) = match *condition {
        Condition::Is(argument, value) => (argument, SeccompCmpOp::Eq, value),
        Condition::IsNot(argument, value) => (argument, SeccompCmpOp::Ne, value),
        Condition::Bits(argument, mask, value) => {
            (argument, SeccompCmpOp::MaskedEq(mask.into()), value)
        }
        Condition::ThisProcess(argument) => (argument, SeccompCmpOp::Eq, std::process::id()),
    };
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, test, value.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use seccompiler::sock_filter;

    use super::*;

    const TRAP: u32 = libc::SECCOMP_RET_TRAP;
    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
    const NO_SUCH_CALL: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

    /// AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of the kernel, and 32-bit x86.
    const THIS_MACHINE: u32 = if cfg!(target_arch = "x86_64") {
        0xc000_003e
    } else {
        0xc000_00b7
    };
    const I386: u32 = 0x4000_0003;

    /// Interprets the instructions of classic BPF that seccomp filters use. `data` is `struct
    /// seccomp_data`: the number, the architecture, an address, six arguments of 64 bits.
    /// Returns the result and the number of instructions that led to it.
    fn run(program: &[sock_filter], data: &[u32; 16]) -> (u32, u32) {
        let (mut at, mut a, mut steps) = (0, 0, 0);
        loop {
            let op = &program[at];
            at += 1;
            steps += 1;
            let jump = |taken: bool| usize::from(if taken { op.jt } else { op.jf });
            match op.code {
                0x20 => a = data[op.k as usize / 4],
                0x54 => a &= op.k,
                0x05 => at += op.k as usize,
                0x15 => at += jump(a == op.k),
                0x25 => at += jump(a > op.k),
                0x35 => at += jump(a >= op.k),
                0x06 => return (op.k, steps),
                code => panic!("unknown instruction: {code:#x}"),
            }
        }
    }

    /// The result for a call, and the number of instructions that led to it.
    fn result_and_steps(machine: u32, number: i64, arguments: &[u64]) -> (u32, u32) {
        let mut data = [0; 16];
        (data[0], data[1]) = (number as u32, machine);
        for (argument, place) in arguments.iter().zip(data[4..].chunks_mut(2)) {
            (place[0], place[1]) = (*argument as u32, (argument >> 32) as u32);
        }
        run(&filter().unwrap(), &data)
    }

    fn result(machine: u32, number: i64, arguments: &[u64]) -> u32 {
        result_and_steps(machine, number, arguments).0
    }

    fn on_this_machine(number: i64, arguments: &[u64]) -> u32 {
        result(THIS_MACHINE, number, arguments)
    }

    fn allowed() -> impl Iterator<Item = &'static Call> {
        FREQUENT.iter().chain(ALLOWED)
    }

    #[test]
    fn only_listed_calls_are_allowed() {
        let conditional = |call: &&Call| !call.conditions.is_empty();
        for number in (0..1000).chain(0x4000_0000..0x4000_0400) {
            let expected = match allowed().find(|call| call.number == number) {
                _ if number == libc::SYS_clone3 => NO_SUCH_CALL,
                Some(call) if conditional(&call) => continue,
                Some(_) => ALLOW,
                None => TRAP,
            };
            assert_eq!(on_this_machine(number, &[]), expected, "{number}");
        }
    }

    #[test]
    fn calls_of_another_architecture_kill() {
        for number in 0..500 {
            assert_eq!(result(I386, number, &[]), KILL, "{number}");
        }
    }

    #[test]
    fn a_call_without_conditions_has_one_line() {
        for call in allowed().filter(|call| call.conditions.is_empty()) {
            let lines = allowed().filter(|other| other.number == call.number);
            assert_eq!(lines.count(), 1, "{call:?}");
        }
    }

    /// A call of two lists would be judged by the first one only.
    #[test]
    fn no_call_is_in_two_lists() {
        let numbers = |calls: &[Call]| calls.iter().map(|call| call.number).collect();
        let [frequent, refused, allowed]: [BTreeSet<i64>; 3] =
            [FREQUENT, REFUSED, ALLOWED].map(numbers);
        assert!(frequent.is_disjoint(&refused) && frequent.is_disjoint(&allowed));
        assert!(refused.is_disjoint(&allowed));
    }

    #[test]
    fn clone_makes_threads_only() {
        // As seen from glibc 2.36 and musl 1.2.3.
        assert_eq!(on_this_machine(libc::SYS_clone, &[0x3d_0f00]), ALLOW);
        assert_eq!(on_this_machine(libc::SYS_clone, &[0x7d_0f00]), ALLOW);
        let vfork = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        for flags in [
            libc::SIGCHLD,
            vfork,
            0x3d_0f00 | libc::CLONE_NEWUSER,
            0x3d_0f00 | libc::CLONE_PTRACE,
        ] {
            assert_eq!(
                on_this_machine(libc::SYS_clone, &[flags as u64]),
                TRAP,
                "{flags:#x}"
            );
        }
    }

    #[test]
    fn openat_is_never_allowed() {
        let current_directory = libc::AT_FDCWD as u64;
        for flags in [
            libc::O_RDWR,
            libc::O_CREAT | libc::O_CLOEXEC,
            libc::O_PATH | libc::O_CLOEXEC,
        ] {
            assert_eq!(
                on_this_machine(libc::SYS_openat, &[current_directory, 0, flags as u64]),
                TRAP
            );
        }
        let to_read = on_this_machine(
            libc::SYS_openat,
            &[current_directory, 0, libc::O_CLOEXEC as u64],
        );
        assert_eq!(
            to_read,
            if cfg!(target_env = "gnu") {
                NO_SUCH_CALL
            } else {
                TRAP
            }
        );
    }

    /// A call, arguments that are allowed, and some that are not.
    type Case<'a> = (i64, &'a [i32], &'a [&'a [i32]]);

    /// Each argument that a line checks, with the value that the server uses and one that it must
    /// not use.
    #[test]
    fn conditions_on_arguments_are_checked() {
        use libc::*;
        let this = std::process::id() as i32;
        let (data, private) = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
        let open = SOCK_CLOEXEC | SOCK_NONBLOCK;
        let errors = MSG_ERRQUEUE | MSG_DONTWAIT;
        let cases: &[Case<'_>] = &[
            (
                SYS_recvmmsg,
                &[3, 9, 4],
                &[&[3, 9, 4, MSG_PEEK], &[3, 9, 4, 0, 9]],
            ),
            (
                SYS_recvmsg,
                &[3, 9, errors],
                &[&[3, 9], &[3, 9, errors | MSG_PEEK]],
            ),
            (SYS_recvfrom, &[3, 9, 9], &[&[3, 9, 9, MSG_PEEK]]),
            (
                SYS_sendmsg,
                &[3, 9],
                &[&[3, 9, MSG_FASTOPEN], &[3, 9, MSG_ZEROCOPY]],
            ),
            (
                SYS_sendto,
                &[3, 9, 9, MSG_NOSIGNAL],
                &[
                    &[3, 9, 9, MSG_NOSIGNAL | MSG_FASTOPEN],
                    &[3, 9, 9, MSG_FASTOPEN],
                ],
            ),
            (
                SYS_shutdown,
                &[3, SHUT_WR],
                &[&[3, SHUT_RD], &[3, SHUT_RDWR]],
            ),
            (
                SYS_accept4,
                &[3, 0, 0, open],
                &[&[3, 0, 0, 0], &[3, 0, 0, SOCK_NONBLOCK]],
            ),
            (
                SYS_fcntl,
                &[3, F_DUPFD_CLOEXEC],
                &[&[3, F_DUPFD], &[3, F_SETFL], &[3, F_SETLK]],
            ),
            (SYS_fcntl, &[3, F_SETFD, FD_CLOEXEC], &[&[3, F_SETFD, 0]]),
            (
                SYS_fcntl,
                &[3, F_GETFL],
                &[&[3, F_SETOWN], &[3, F_SETPIPE_SZ]],
            ),
            (SYS_epoll_create1, &[EPOLL_CLOEXEC], &[&[0]]),
            (
                SYS_eventfd2,
                &[0, EFD_CLOEXEC | EFD_NONBLOCK],
                &[&[0, 0], &[0, EFD_SEMAPHORE]],
            ),
            (
                SYS_socketpair,
                &[AF_UNIX, SOCK_STREAM | open],
                &[
                    &[AF_UNIX, SOCK_STREAM | open, 1],
                    &[AF_UNIX, SOCK_DGRAM | open],
                    &[AF_INET, SOCK_STREAM | open],
                ],
            ),
            (
                SYS_mmap,
                &[0, 9, data, private],
                &[
                    &[0, 9, data | PROT_EXEC, private],
                    &[0, 9, data, MAP_PRIVATE],
                    &[0, 9, data, MAP_SHARED | MAP_ANONYMOUS],
                    &[0, 9, data, private | MAP_FIXED],
                ],
            ),
            (
                SYS_mprotect,
                &[0, 9, data],
                &[&[0, 9, data | PROT_EXEC], &[0, 9, PROT_EXEC]],
            ),
            (
                SYS_mremap,
                &[0, 9, 9, MREMAP_MAYMOVE],
                &[&[0, 9, 9, MREMAP_MAYMOVE | MREMAP_FIXED]],
            ),
            (
                SYS_madvise,
                &[0, 9, MADV_DONTNEED],
                &[&[0, 9, MADV_REMOVE], &[0, 9, MADV_HWPOISON]],
            ),
            (
                SYS_prctl,
                &[PR_SET_NAME],
                &[&[PR_SET_DUMPABLE], &[PR_SET_MM], &[PR_SET_SECCOMP]],
            ),
            (
                SYS_futex,
                &[
                    0,
                    FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME,
                ],
                &[
                    &[0, FUTEX_REQUEUE],
                    &[0, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG],
                ],
            ),
            (
                SYS_futex,
                &[0, FUTEX_WAKE | FUTEX_PRIVATE_FLAG],
                &[&[0, FUTEX_WAKE_OP]],
            ),
            (SYS_rseq, &[0, 32], &[&[0, 32, 1]]),
            (
                SYS_getrandom,
                &[0, 9, GRND_NONBLOCK as i32],
                &[&[0, 9, GRND_RANDOM as i32]],
            ),
            (SYS_rt_sigaction, &[SIGTERM], &[&[SIGSYS]]),
            (
                SYS_tgkill,
                &[this, this, SIGABRT],
                &[&[this + 1, 9, SIGABRT], &[this, 9, SIGKILL]],
            ),
            (SYS_tkill, &[this, SIGABRT], &[&[this, SIGKILL]]),
            (
                SYS_setsockopt,
                &[3, IPPROTO_TCP, TCP_NODELAY],
                &[
                    &[3, IPPROTO_TCP, TCP_FASTOPEN_CONNECT],
                    &[3, IPPROTO_TCP, TCP_ULP],
                    &[3, SOL_SOCKET, SO_BINDTODEVICE],
                ],
            ),
            (
                SYS_setsockopt,
                &[3, SOL_SOCKET, SO_LINGER],
                &[&[3, SOL_SOCKET, SO_ATTACH_FILTER]],
            ),
            (
                SYS_getsockopt,
                &[3, SOL_SOCKET, SO_ERROR],
                &[&[3, IPPROTO_TCP, SO_ERROR]],
            ),
        ];
        let result = |number, arguments: &[i32]| {
            let arguments = arguments.iter().map(|argument| *argument as u32 as u64);
            on_this_machine(number, &arguments.collect::<Vec<_>>())
        };
        for (number, allowed, trapped) in cases {
            assert_eq!(result(*number, allowed), ALLOW, "{number} {allowed:?}");
            for arguments in *trapped {
                assert_eq!(result(*number, arguments), TRAP, "{number} {arguments:?}");
            }
        }
        // No line has conditions that no case breaks.
        let covered: BTreeSet<i64> = cases.iter().map(|(number, ..)| *number).collect();
        for call in self::allowed().filter(|call| !call.conditions.is_empty()) {
            assert!(
                covered.contains(&call.number) || call.number == SYS_clone,
                "{call:?}"
            );
        }
    }

    #[test]
    fn frequent_calls_are_compared_first() {
        let no_signal = libc::MSG_NOSIGNAL as u64;
        for (number, arguments) in [
            (libc::SYS_recvmmsg, vec![]),
            (libc::SYS_sendmsg, vec![]),
            (libc::SYS_sendto, vec![3, 0, 0, no_signal]),
        ] {
            let (result, steps) = result_and_steps(THIS_MACHINE, number, &arguments);
            assert_eq!(result, ALLOW, "{number}");
            assert!(steps <= 16, "{number}: {steps} instructions");
        }
    }
}
