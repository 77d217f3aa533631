//! One round: asks every server for its list, then for the files that have to be compared.

use std::cell::Cell;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::check::{About, Check, HostReport};
use super::fetch::Fetcher;
use super::release::{PublishedFile, Release};
use super::served_list::{self, Judged};
use super::signature::Key;
use super::target::{Protocol, Target};
use crate::cli::runtime::run_at_once;
use crate::cli::verdict::Verdict;
use crate::manifest::{Digest, SIGNATURE_NAME, SUMS_NAME, VERSION_NAME};

/// The longest list that is read from a server: one of 32,767 files with names of 60 bytes.
const MAX_SERVED_LIST: u64 = 4 << 20;

/// The longest signature that is read. minisign's comments have up to 8192 bytes.
const MAX_SIGNATURE: u64 = 32 << 10;

/// The longest `/version` that is read.
const MAX_ABOUT: u64 = 16 << 10;

/// What is compared, and how.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) release: Release,
    pub(super) fetcher: Fetcher,
    /// Transfers at the same time.
    pub(super) jobs: usize,
    /// Accept a server without a published file, if another file was compared there.
    pub(super) ignore_missing: bool,
    /// Accept further files: the list of the server is not compared.
    pub(super) ignore_extra: bool,
    /// The key that has to have signed the list of each server.
    pub(super) key: Option<Key>,
}

/// What a server answers before its files are compared.
struct Introduction {
    judged: Option<Judged>,
    signature: Option<Check>,
    about: About,
    rtt: Option<std::time::Duration>,
}

/// Compares what is not as published yet, on all hosts.
pub(super) async fn compare(comparison: &Rc<Comparison>, hosts: &mut [HostReport]) {
    let mut asked = Vec::new();
    for (index, host) in hosts.iter_mut().enumerate() {
        if host.files.is_empty() {
            let files = comparison.release.files.iter();
            let unknown = files.map(|file| Check::new(&file.name, Some(file.sha256)));
            host.files = unknown.collect();
            asked.push((index, true));
        } else if !host.is_ok() {
            asked.push((index, false));
        }
    }
    let mut all_files = vec![false; hosts.len()];
    let mut no_files = vec![false; hosts.len()];
    let introductions = asked.iter().map(|&(index, _)| {
        let (comparison, target) = (Rc::clone(comparison), hosts[index].target.clone());
        async move { (index, comparison.introduction(&target).await) }
    });
    for (index, introduction) in run_at_once(comparison.jobs, introductions).await {
        let old = hosts[index].content_id();
        hosts[index].introduce(introduction);
        let new = hosts[index].content_id();
        // Another list is that of another release, whose files may all be others.
        all_files[index] = new != old;
        // The same wrong list as before is that of a server that has not been updated.
        no_files[index] = new.is_some() && new == old && !hosts[index].has_right_list();
    }
    let mut wanted = Vec::new();
    for (file, published) in comparison.release.files.iter().enumerate() {
        for &(index, is_first) in &asked {
            let is_right = hosts[index].files[file].verdict.is_accepted();
            let is_wanted = is_first || all_files[index] || (!is_right && !no_files[index]);
            if is_wanted {
                wanted.push((index, file, published.clone()));
            }
        }
    }
    fetch_files(comparison, hosts, wanted).await;
    for &(index, _) in &asked {
        comparison.accept(&mut hosts[index]);
    }
}

/// Fetches the files of `wanted`, which are given as host, number, and the file.
async fn fetch_files(
    comparison: &Comparison,
    hosts: &mut [HostReport],
    wanted: Vec<(usize, usize, PublishedFile)>,
) {
    // The verdict on a host that has not answered. It is not asked again, so that it costs one
    // timeout, not one for each file.
    let no_answer: Vec<Rc<Cell<Option<Verdict>>>> = hosts
        .iter()
        .map(|host| {
            let list = host.list.as_ref().map(|list| list.verdict);
            Rc::new(Cell::new(list.filter(|verdict| verdict.is_no_answer())))
        })
        .collect();
    // Each file of all hosts before the next file. This spreads the load.
    let transfers = wanted.into_iter().map(|(index, number, file)| {
        let (fetcher, target) = (comparison.fetcher, hosts[index].target.clone());
        let no_answer = Rc::clone(&no_answer[index]);
        async move {
            let check = Check::new(&file.name, Some(file.sha256));
            if let Some(verdict) = no_answer.get() {
                return (
                    index,
                    number,
                    check.failed(verdict, "not asked again"),
                    None,
                );
            }
            let (check, rtt) = compare_file(fetcher, &target, &file, check).await;
            if check.verdict.is_no_answer() {
                no_answer.set(Some(check.verdict));
            }
            (index, number, check, rtt)
        }
    });
    for (index, number, check, rtt) in run_at_once(comparison.jobs, transfers).await {
        hosts[index].files[number] = check;
        hosts[index].add_rtt(rtt);
    }
}

async fn compare_file(
    fetcher: Fetcher,
    target: &Target,
    file: &PublishedFile,
    check: Check,
) -> (Check, Option<std::time::Duration>) {
    let mut hash = Sha256::new();
    let output = |part: &[u8]| hash.update(part);
    let fetched = fetcher.fetch(target, &file.name, file.max_size, output);
    let fetched = fetched.await;
    let check = check.measured(&fetched);
    let check = match fetched.result {
        Ok(()) => {
            let actual = Digest(hash.finalize().into());
            let is_same = actual == file.sha256;
            Check {
                actual: Some(actual),
                verdict: if is_same {
                    Verdict::Ok
                } else {
                    Verdict::Differs
                },
                ..check
            }
        }
        Err((verdict, detail)) => check.failed(verdict, detail),
    };
    (check, fetched.rtt)
}

impl Comparison {
    /// Asks a server for its list and, over HTTP, for its version.
    async fn introduction(&self, target: &Target) -> Introduction {
        let mut introduction = Introduction {
            judged: None,
            signature: None,
            about: About::default(),
            rtt: None,
        };
        if !self.ignore_extra || self.key.is_some() {
            let mut list = Vec::new();
            let judged = self.list(target, &mut list, &mut introduction.rtt).await;
            if let Some(key) = &self.key {
                let signature = self.signature(target, key, &judged.list, &list).await;
                introduction.signature = Some(signature);
            }
            introduction.judged = Some(judged);
        }
        let judged = introduction.judged.as_ref();
        let is_no_answer = judged.is_some_and(|judged| judged.list.verdict.is_no_answer());
        if target.server.protocol == Protocol::Http && !is_no_answer {
            let fetched = self.fetcher.fetch_all(target, VERSION_NAME, MAX_ABOUT);
            let (text, fetched) = fetched.await;
            // A server of another kind need not have it.
            if fetched.result.is_ok() {
                introduction.about = About::parse(&text);
            }
        }
        introduction
    }

    /// Fetches and judges the list, and leaves it in `bytes`.
    async fn list(
        &self,
        target: &Target,
        bytes: &mut Vec<u8>,
        rtt: &mut Option<std::time::Duration>,
    ) -> Judged {
        let fetched = self.fetcher.fetch_all(target, SUMS_NAME, MAX_SERVED_LIST);
        let (list, fetched) = fetched.await;
        *bytes = list;
        *rtt = fetched.rtt;
        let check = Check::new(SUMS_NAME, Some(self.release.content_id)).measured(&fetched);
        match fetched.result {
            Ok(()) => served_list::judge(bytes, &self.release, check),
            Err((verdict, detail)) => {
                let advice = match verdict {
                    Verdict::Missing => {
                        ". Without it, further files are not found: --ignore-extra \
                                         compares only the published ones"
                    }
                    _ => "",
                };
                Judged {
                    list: check.failed(verdict, detail + advice),
                    lacks_files_only: false,
                    extra: Vec::new(),
                }
            }
        }
    }

    /// Fetches the signature of `list` and checks it.
    async fn signature(&self, target: &Target, key: &Key, list: &Check, bytes: &[u8]) -> Check {
        let check = Check::new(SIGNATURE_NAME, None);
        if list.actual.is_none() {
            return check.failed(list.verdict, "there is no list that it could be of");
        }
        let fetched = self
            .fetcher
            .fetch_all(target, SIGNATURE_NAME, MAX_SIGNATURE);
        let (text, fetched) = fetched.await;
        let check = check.measured(&fetched);
        if let Err((verdict, detail)) = fetched.result {
            return check.failed(verdict, detail);
        }
        match key.check(bytes, &text) {
            Ok(()) => Check {
                verdict: Verdict::Ok,
                ..check
            },
            Err(why) => check.failed(Verdict::BadSignature, why),
        }
    }

    /// Marks what the options accept. Missing files are not accepted if the server has none of the
    /// files: then nothing was compared. `sha256sum` has the same rule.
    fn accept(&self, host: &mut HostReport) {
        if self.ignore_extra {
            host.extra.clear();
            if let Some(list) = &mut host.list
                && list.verdict == Verdict::Differs
            {
                list.verdict = Verdict::Ignored;
            }
        }
        let has_one = host.files.iter().any(|check| check.verdict == Verdict::Ok);
        if !self.ignore_missing || !has_one {
            return;
        }
        let missing = |check: &&mut Check| check.verdict == Verdict::Missing;
        for check in host.files.iter_mut().filter(missing) {
            check.verdict = Verdict::Ignored;
        }
        if let Some(list) = &mut host.list
            && host.lacks_files_only
        {
            list.verdict = Verdict::Ignored;
        }
    }
}

impl HostReport {
    fn introduce(&mut self, introduction: Introduction) {
        if let Some(judged) = introduction.judged {
            self.list = Some(judged.list);
            self.extra = judged.extra;
            self.lacks_files_only = judged.lacks_files_only;
        }
        self.signature = introduction.signature;
        self.about = introduction.about;
        self.add_rtt(introduction.rtt);
    }

    fn has_right_list(&self) -> bool {
        let list = self.list.as_ref();
        list.is_none_or(|list| list.verdict.is_accepted())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::verify::check::testing::host;
    use crate::cli::verify::fetch::TimeLimits;
    use crate::cli::verify::release::testing::release;
    use crate::net::Clock;

    fn comparison(ignore_missing: bool) -> Comparison {
        let clock = Clock::start();
        let limits = TimeLimits {
            stall: Duration::from_secs(1),
            end: clock.now(),
        };
        Comparison {
            release: release(&[("a", b"a"), ("b", b"b")]),
            fetcher: Fetcher { clock, limits },
            jobs: 1,
            ignore_missing,
            ignore_extra: false,
            key: None,
        }
    }

    /// The verdicts on the list and two files, with `--ignore-missing`.
    fn accepted(verdicts: [Verdict; 3], lacks_files_only: bool) -> Vec<Verdict> {
        let [list, a, b] = verdicts;
        let mut host = HostReport {
            lacks_files_only,
            ..host("boot", list, [a, b])
        };
        let unchanged = host.clone();
        comparison(false).accept(&mut host);
        assert!(host.verdicts().eq(unchanged.verdicts()));
        comparison(true).accept(&mut host);
        host.verdicts().collect()
    }

    #[test]
    fn missing_files_are_ignored_if_another_was_compared() {
        use Verdict::{Differs, Ignored, Missing, Ok, Silent};
        for (before, after) in [
            ([Differs, Missing, Ok], [Ignored, Ignored, Ok]),
            ([Differs, Missing, Missing], [Differs, Missing, Missing]),
            ([Differs, Missing, Silent], [Differs, Missing, Silent]),
            ([Differs, Ok, Differs], [Ignored, Ok, Differs]),
        ] {
            assert_eq!(accepted(before, true), after);
        }
        // Its list has another hash, or another file.
        assert_eq!(
            accepted([Differs, Missing, Ok], false),
            [Differs, Ignored, Ok]
        );
    }
}
