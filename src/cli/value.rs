//! Values of options, from the command line or from environment variables.

use std::env::VarError;
use std::fmt;
use std::str::FromStr;

use argh::FromArgValue;

/// The message about a value of an option or a variable that cannot be read. An error that begins
/// with "takes" or "expected" says what is allowed.
pub(super) fn invalid(name: &str, value: &str, error: &str) -> String {
    let allowed = error.strip_prefix("takes ");
    match allowed.or(error.strip_prefix("expected ")) {
        Some(allowed) => format!("{name} takes {allowed}, not {value:?}"),
        None => format!("{name} {value:?}: {error}"),
    }
}

/// A number from `MIN` to `MAX`. Its parser's error message states that range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ranged<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Ranged<MIN, MAX> {
    /// A number of the range.
    ///
    /// # Panics
    /// At compile time, if the number is outside the range.
    pub(super) const fn new(number: u64) -> Self {
        assert!(MIN <= number && number <= MAX);
        Ranged(number)
    }

    pub(super) fn get(self) -> u64 {
        self.0
    }

    /// The number as a 16-bit one, which `MAX` has to fit into.
    pub(super) fn get_u16(self) -> u16 {
        const { assert!(MAX <= u16::MAX as u64) };
        self.0 as u16
    }

    /// The number as a size or count in memory, which `MAX` has to fit into.
    pub(super) fn get_usize(self) -> usize {
        const { assert!(MAX <= u32::MAX as u64) };
        self.0 as usize
    }
}

impl<const MIN: u64, const MAX: u64> FromStr for Ranged<MIN, MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Ranged(number)),
            _ if MAX == u64::MAX => Err(format!("takes a number of at least {MIN}")),
            _ => Err(format!("takes {MIN} to {MAX}")),
        }
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Display for Ranged<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The value of an option, or else of its environment variable. A variable that is set but empty
/// counts as not set.
///
/// # Errors
/// The variable has an invalid value, with a message.
pub(super) fn option_or_variable<T: FromArgValue>(
    option: Option<T>,
    variable: &str,
) -> Result<Option<T>, String> {
    if option.is_some() {
        return Ok(option);
    }
    match std::env::var(variable) {
        Err(VarError::NotPresent) => Ok(None),
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => match T::from_arg_value(&text) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(invalid(variable, &text, &error)),
        },
        Err(VarError::NotUnicode(_)) => Err(format!("{variable} is not valid UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_is_refused_with_the_range() {
        type Mtu = Ranged<576, 65535>;
        for text in ["576", "65535"] {
            assert_eq!(text.parse::<Mtu>().unwrap().to_string(), text);
        }
        for text in ["575", "65536", "-1", "", "wide", "99999999999999999999"] {
            let error = text.parse::<Mtu>().unwrap_err();
            assert_eq!(error, "takes 576 to 65535");
        }
        let error = "0".parse::<Ranged<1, { u64::MAX }>>().unwrap_err();
        assert_eq!(error, "takes a number of at least 1");
    }
}
