//! Makes the list of [`calls`](super::calls) the law.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter,
};

use super::calls::{ALLOWED, Call, Only, REFUSED};
use super::{Filter, violation};

/// From here on only the calls of the list are made. Any other ends the process.
pub(super) fn enter() -> Result<Filter, String> {
    violation::watch()?;
    let (refused, allowed) =
        programs().map_err(|error| format!("the list of calls is wrong: {error}"))?;
    // The list itself is last: it allows no more filters.
    for program in [refused, allowed] {
        apply_filter(&program).map_err(|error| {
            format!("this kernel filters no system calls: {error}. --no-sandbox goes without, at your own risk")
        })?;
    }
    Ok(Filter::On)
}

/// The filters as the kernel takes them. It obeys the stricter verdict, and to stop a call is stricter than to refuse it:
/// so what is refused with an error code must pass the list.
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
        if !call.only.is_empty() {
            let conditions = call.only.iter().map(condition);
            alternatives.push(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?);
        }
    }
    let machine = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, others, listed, machine)?.try_into()
}

fn condition(only: &Only) -> Result<SeccompCondition, BackendError> {
    let (argument, test, value) = match *only {
        Only::Is(argument, value) => (argument, SeccompCmpOp::Eq, value),
        Only::IsNot(argument, value) => (argument, SeccompCmpOp::Ne, value),
        Only::Bits(argument, mask, value) => (argument, SeccompCmpOp::MaskedEq(mask.into()), value),
        Only::ThisProcess(argument) => (argument, SeccompCmpOp::Eq, std::process::id()),
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

    /// The classic BPF machine, as far as such filters use it. What it works on is `struct seccomp_data`: the
    /// number, the machine, an address, six arguments of 64 bits.
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
                code => panic!("an instruction that was not foreseen: {code:#x}"),
            }
        }
    }

    /// What becomes of a call: the strictest of the verdicts, as the kernel takes it.
    fn verdict(machine: u32, number: i64, arguments: &[u64]) -> u32 {
        let mut data = [0; 16];
        (data[0], data[1]) = (number as u32, machine);
        for (argument, place) in arguments.iter().zip(data[4..].chunks_mut(2)) {
            (place[0], place[1]) = (*argument as u32, (argument >> 32) as u32);
        }
        let (refused, allowed) = programs().unwrap();
        let verdicts = [run(&refused, &data), run(&allowed, &data)];
        // KILL_PROCESS is the smallest as a signed number, ALLOW the largest.
        verdicts
            .into_iter()
            .min_by_key(|verdict| (verdict & 0xffff_0000) as i32)
            .unwrap()
    }

    fn here(number: i64, arguments: &[u64]) -> u32 {
        verdict(THIS_MACHINE, number, arguments)
    }

    #[test]
    fn no_number_passes_that_is_not_on_the_list() {
        let conditional = |call: &&Call| !call.only.is_empty();
        for number in (0..1000).chain(0x4000_0000..0x4000_0400) {
            let expected = match ALLOWED.iter().find(|call| call.number == number) {
                _ if number == libc::SYS_clone3 => NO_SUCH_CALL,
                Some(call) if conditional(&call) => continue,
                Some(_) => ALLOW,
                None => TRAP,
            };
            assert_eq!(here(number, &[]), expected, "{number}");
        }
    }

    #[test]
    fn calls_of_another_machine_kill() {
        for number in 0..500 {
            assert_eq!(verdict(I386, number, &[]), KILL, "{number}");
        }
    }

    #[test]
    fn no_call_is_listed_both_with_and_without_conditions() {
        for call in ALLOWED.iter().filter(|call| call.only.is_empty()) {
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
    fn threads_pass_and_processes_do_not() {
        // As seen from glibc 2.36 and musl 1.2.3.
        assert_eq!(here(libc::SYS_clone, &[0x3d_0f00]), ALLOW);
        assert_eq!(here(libc::SYS_clone, &[0x7d_0f00]), ALLOW);
        let vfork = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        for flags in [
            libc::SIGCHLD,
            vfork,
            0x3d_0f00 | libc::CLONE_NEWUSER,
            0x3d_0f00 | libc::CLONE_PTRACE,
        ] {
            assert_eq!(here(libc::SYS_clone, &[flags as u64]), TRAP, "{flags:#x}");
        }
    }

    #[test]
    fn opening_is_never_allowed() {
        let here_and_now = libc::AT_FDCWD as u64;
        for flags in [
            libc::O_RDWR,
            libc::O_CREAT | libc::O_CLOEXEC,
            libc::O_PATH | libc::O_CLOEXEC,
        ] {
            assert_eq!(
                here(libc::SYS_openat, &[here_and_now, 0, flags as u64]),
                TRAP
            );
        }
        let to_read = here(libc::SYS_openat, &[here_and_now, 0, libc::O_CLOEXEC as u64]);
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
    fn arguments_decide_where_the_list_says_so() {
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
        for (number, passes, stops) in cases {
            assert_eq!(here(*number, passes), ALLOW, "{number} {passes:?}");
            assert_eq!(here(*number, stops), TRAP, "{number} {stops:?}");
        }
    }
}
