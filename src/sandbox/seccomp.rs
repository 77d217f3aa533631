//! Installs the seccomp filter for the list of [`calls`](super::calls).

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter,
};

use super::calls::{ALLOWED, Call, Condition, REFUSED};
use super::state::Mechanism;
use super::violation;

/// Installs the filter. From then on any call that is not listed ends the process.
pub(super) fn enter() -> Result<Mechanism, String> {
    violation::install_handler()?;
    let (refused, allowed) =
        programs().map_err(|error| format!("the list of calls is wrong: {error}"))?;
    // The list of allowed calls is last: it does not allow to install another filter.
    for program in [refused, allowed] {
        apply_filter(&program).map_err(|error| {
            format!("this kernel cannot filter system calls: {error}. --no-sandbox runs without the filter, at \
                     your own risk")
        })?;
    }
    Ok(Mechanism::On)
}

/// The two BPF programs. The kernel applies the stricter result, and a trap is stricter than an
/// error code: so the second program has to allow the calls that the first one refuses.
fn programs() -> Result<(BpfProgram, BpfProgram), BackendError> {
    let no_such_call = SeccompAction::Errno(libc::ENOSYS as u32);
    Ok((
        program(&[REFUSED], no_such_call, SeccompAction::Allow)?,
        program(
            &[REFUSED, ALLOWED],
            SeccompAction::Allow,
            SeccompAction::Trap,
        )?,
    ))
}

fn program(
    lists: &[&[Call]],
    listed: SeccompAction,
    others: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in lists.iter().copied().flatten() {
        let alternatives = rules.entry(call.number).or_default();
        if !call.conditions.is_empty() {
            let conditions = call.conditions.iter().map(condition);
            alternatives.push(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?);
        }
    }
    let machine = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, others, listed, machine)?.try_into()
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
    fn run(program: &[sock_filter], data: &[u32; 16]) -> u32 {
        let (mut at, mut a) = (0, 0);
        loop {
            let op = &program[at];
            at += 1;
            let jump = |taken: bool| usize::from(if taken { op.jt } else { op.jf });
            match op.code {
                0x20 => a = data[op.k as usize / 4],
                0x54 => a &= op.k,
                0x05 => at += op.k as usize,
                0x15 => at += jump(a == op.k),
                0x25 => at += jump(a > op.k),
                0x35 => at += jump(a >= op.k),
                0x06 => return op.k,
                code => panic!("unknown instruction: {code:#x}"),
            }
        }
    }

    /// The result for a call: the strictest of both programs, as in the kernel.
    fn result(machine: u32, number: i64, arguments: &[u64]) -> u32 {
        let mut data = [0; 16];
        (data[0], data[1]) = (number as u32, machine);
        for (argument, place) in arguments.iter().zip(data[4..].chunks_mut(2)) {
            (place[0], place[1]) = (*argument as u32, (argument >> 32) as u32);
        }
        let (refused, allowed) = programs().unwrap();
        let results = [run(&refused, &data), run(&allowed, &data)];
        // KILL_PROCESS is the smallest as a signed number, ALLOW the largest.
        results
            .into_iter()
            .min_by_key(|result| (result & 0xffff_0000) as i32)
            .unwrap()
    }

    fn on_this_machine(number: i64, arguments: &[u64]) -> u32 {
        result(THIS_MACHINE, number, arguments)
    }

    #[test]
    fn only_listed_calls_are_allowed() {
        let conditional = |call: &&Call| !call.conditions.is_empty();
        for number in (0..1000).chain(0x4000_0000..0x4000_0400) {
            let expected = match ALLOWED.iter().find(|call| call.number == number) {
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
    fn no_call_is_listed_both_with_and_without_conditions() {
        for call in ALLOWED.iter().filter(|call| call.conditions.is_empty()) {
            assert_eq!(
                ALLOWED
                    .iter()
                    .filter(|other| other.number == call.number)
                    .count(),
                1,
                "{call:?}"
            );
        }
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

    #[test]
    fn conditions_on_arguments_are_checked() {
        let this = u64::from(std::process::id());
        let (unix, inet) = (libc::AF_UNIX as u64, libc::AF_INET as u64);
        let stream = (libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) as u64;
        let datagram = (libc::SOCK_DGRAM | libc::SOCK_CLOEXEC) as u64;
        let (tcp, socket) = (libc::IPPROTO_TCP as u64, libc::SOL_SOCKET as u64);
        let (read, exec) = (
            libc::PROT_READ as u64,
            (libc::PROT_READ | libc::PROT_EXEC) as u64,
        );
        let abort = libc::SIGABRT as u64;
        let cases: &[(i64, &[u64], &[u64])] = &[
            (
                libc::SYS_fcntl,
                &[3, libc::F_DUPFD_CLOEXEC as u64],
                &[3, libc::F_SETFL as u64],
            ),
            (
                libc::SYS_fcntl,
                &[3, libc::F_GETFL as u64],
                &[3, libc::F_SETOWN as u64],
            ),
            (libc::SYS_socketpair, &[unix, stream], &[unix, datagram]),
            (libc::SYS_socketpair, &[unix, stream], &[inet, stream]),
            (libc::SYS_mmap, &[0, 4096, read], &[0, 4096, exec]),
            (libc::SYS_mprotect, &[0, 4096, read], &[0, 4096, exec]),
            (
                libc::SYS_prctl,
                &[libc::PR_SET_NAME as u64],
                &[libc::PR_SET_DUMPABLE as u64],
            ),
            (
                libc::SYS_rt_sigaction,
                &[libc::SIGTERM as u64],
                &[libc::SIGSYS as u64],
            ),
            (
                libc::SYS_tgkill,
                &[this, this, abort],
                &[this + 1, this + 1, abort],
            ),
            (
                libc::SYS_tgkill,
                &[this, this, abort],
                &[this, this, libc::SIGKILL as u64],
            ),
            (
                libc::SYS_tkill,
                &[this, abort],
                &[this, libc::SIGKILL as u64],
            ),
            (
                libc::SYS_setsockopt,
                &[3, tcp, libc::TCP_NODELAY as u64],
                &[3, socket, libc::SO_BINDTODEVICE as u64],
            ),
            (
                libc::SYS_getsockopt,
                &[3, socket, libc::SO_ERROR as u64],
                &[3, tcp, libc::SO_ERROR as u64],
            ),
        ];
        for (number, allowed, trapped) in cases {
            assert_eq!(
                on_this_machine(*number, allowed),
                ALLOW,
                "{number} {allowed:?}"
            );
            assert_eq!(
                on_this_machine(*number, trapped),
                TRAP,
                "{number} {trapped:?}"
            );
        }
    }
}
