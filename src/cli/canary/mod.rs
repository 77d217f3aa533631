//! `bootstone verify --as`: fetches a file as firmware would, and reports what the firmware would
//! show.

mod course;
mod diagnosis;
mod report;
mod run;
mod table;
mod trial;

use std::str::FromStr;

use crate::canary::{Model, models};

pub(super) use course::{CanaryTarget, Course};
pub(super) use report::json;
pub(super) use table::text;
pub(super) use trial::{File, Trial};

use super::runtime::run_at_once;
use super::verdict;

/// The models of `--as`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Models(Vec<&'static str>);

impl FromStr for Models {
    type Err = String;

    /// `edk2`, `edk2,ipxe`, or `all`.
    fn from_str(text: &str) -> Result<Models, String> {
        let names = || models::ALL.iter().map(|model| model.name);
        if text == "all" {
            return Ok(Models(names().collect()));
        }
        let known = |name: &str| {
            names().find(|known| *known == name).ok_or_else(|| {
                let names: Vec<&str> = names().collect();
                format!(
                    "{name:?} is no known client: use {}, or all",
                    names.join(", ")
                )
            })
        };
        text.split(',')
            .map(known)
            .collect::<Result<_, _>>()
            .map(Models)
    }
}

impl Models {
    fn iter(&self) -> impl Iterator<Item = Model> {
        let chosen = models::ALL
            .iter()
            .filter(|model| self.0.contains(&model.name));
        chosen.map(|model| **model)
    }
}

/// Fetches the file from every target as each of the models. Returns the trials of each target.
pub(super) async fn try_all(
    targets: &[CanaryTarget],
    file: &File,
    models: &Models,
    course: Course,
) -> Vec<Vec<Trial>> {
    let trials = targets
        .iter()
        .flat_map(|target| models.iter().map(|model| Trial::new(target, file, model)));
    let running = trials.enumerate().map(|(index, mut trial)| async move {
        trial.run(course).await;
        (index, trial)
    });
    let mut done = run_at_once(course.jobs, running).await;
    done.sort_by_key(|(index, _)| *index);
    let mut done = done.into_iter().map(|(_, trial)| trial);
    let of_target = |_| done.by_ref().take(models.iter().count()).collect();
    targets.iter().map(of_target).collect()
}

/// The exit code, as of `verify`.
pub(super) fn exit_code(trials: &[Vec<Trial>]) -> u8 {
    let all = trials.iter().flatten();
    verdict::exit_code(all.map(|trial| trial.verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_by_name() {
        let names = |text: &str| text.parse::<Models>().map(|Models(names)| names);
        assert_eq!(names("all").unwrap().len(), models::ALL.len());
        assert_eq!(names("edk2,grub").unwrap(), ["edk2", "grub"]);
        let error = names("bios").unwrap_err();
        assert!(error.contains("edk2, ipxe, grub"), "{error}");
    }

    #[test]
    fn a_trial_waits_for_no_reader_and_asks_for_smaller_blocks_over_ipv6() {
        let file = File {
            name: "a".to_owned(),
            sha256: crate::manifest::Digest::of(b"a"),
            max_size: 1,
        };
        let trial = |address: &str, model: &Model| {
            let target = CanaryTarget {
                host: address.to_owned(),
                address: Ok(address.parse().unwrap()),
            };
            Trial::new(&target, &file, *model).model
        };
        assert!(models::GRUB.reader.is_some());
        assert!(trial("192.0.2.1:69", &models::GRUB).reader.is_none());
        assert_eq!(
            trial("192.0.2.1:69", &models::EDK2).options[0],
            ("blksize", 1468)
        );
        assert_eq!(
            trial("[2001:db8::1]:69", &models::EDK2).options[0],
            ("blksize", 1228)
        );
    }
}
