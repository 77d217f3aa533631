//! The addresses that `--listen` and `--http` name: resolved, checked, each once.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use super::table::names_of;
use crate::cli::host::unescaped_zone;
use crate::log::canonical;

/// The addresses of one option value, each once.
///
/// # Errors
/// There is no such address, or it is not one of a single machine.
pub(super) fn resolve(
    field: &str,
    name: &str,
    is_broadcast: impl Fn(IpAddr) -> bool,
) -> Result<Vec<SocketAddr>, String> {
    let addresses = look_up(name).map_err(|error| unknown(field, name, &error))?;
    let mut found = Vec::new();
    for address in addresses {
        check(field, address, &is_broadcast)?;
        if !found.contains(&address) {
            found.push(address);
        }
    }
    match found.is_empty() {
        true => Err(unknown(field, name, &"the name has none")),
        false => Ok(found),
    }
}

/// `192.0.2.1:69`, `[2001:db8::1]:69`, `[fe80::1%eth0]:69`, `name:69`.
fn look_up(text: &str) -> io::Result<impl Iterator<Item = SocketAddr> + use<>> {
    let in_brackets = text.strip_prefix('[').and_then(|rest| {
        let (address, port) = rest.split_once("]:")?;
        Some((unescaped_zone(address), port.parse::<u16>().ok()?))
    });
    // The standard library knows no names of zones; the system does.
    let addresses = match in_brackets {
        Some((address, port)) => (address.as_ref(), port).to_socket_addrs(),
        None => text.to_socket_addrs(),
    };
    Ok(addresses?.map(canonical))
}

fn unknown(field: &str, name: &str, error: &dyn std::fmt::Display) -> String {
    let zone = match name.contains('%') {
        true => ". What follows the % is the name of an interface of this machine",
        false => "",
    };
    format!(
        "{} {name}: no such address ({error}). \
         It takes the form 0.0.0.0:69, [::]:69 or name:69{zone}",
        names_of(field)
    )
}

fn check(
    field: &str,
    address: SocketAddr,
    is_broadcast: impl Fn(IpAddr) -> bool,
) -> Result<(), String> {
    let kind = match address.ip() {
        ip if ip.is_multicast() => "a multicast address",
        ip if ip == Ipv4Addr::BROADCAST || is_broadcast(ip) => "a broadcast address",
        _ => return Ok(()),
    };
    Err(format!(
        "{} {address}: this is {kind}, and no answer can leave from it. Give an address of this \
         machine, or [::]:{} for all of them",
        names_of(field),
        address.port()
    ))
}

/// True if a socket for `wide` receives what is sent to `narrow`. Port 0 is another port each time.
pub(super) fn covers(wide: SocketAddr, narrow: SocketAddr) -> bool {
    let covers_all = match wide.ip() {
        IpAddr::V4(ip) => ip.is_unspecified() && narrow.is_ipv4(),
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    wide.port() == narrow.port() && wide.port() != 0 && (covers_all || wide == narrow)
}

/// Leaves out each address that another one covers: the kernel binds both for two processes only.
pub(super) fn without_covered(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_covered = |(index, address): (usize, &SocketAddr)| {
        let others = addresses.iter().enumerate();
        let mut others = others.filter(|(other, _)| *other != index);
        // Of two equal ones, the first stays.
        others.any(|(other, wide)| covers(*wide, *address) && (wide != address || other < index))
    };
    let all = addresses.iter().enumerate();
    let left = all.filter(|it| !is_covered(*it));
    left.map(|(_, address)| *address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn covered_addresses_are_left_out() {
        for (given, left) in [
            (&["0.0.0.0:69", "[::]:69"][..], &["[::]:69"][..]),
            (&["[::]:69", "0.0.0.0:69", "[::]:69"], &["[::]:69"]),
            (&["10.0.0.1:69", "10.0.0.1:69"], &["10.0.0.1:69"]),
            (&["10.0.0.1:69", "0.0.0.0:69"], &["0.0.0.0:69"]),
            (
                &["0.0.0.0:69", "[2001:db8::1]:69"],
                &["0.0.0.0:69", "[2001:db8::1]:69"],
            ),
            (
                &["10.0.0.1:69", "10.0.0.2:69"],
                &["10.0.0.1:69", "10.0.0.2:69"],
            ),
            (&["0.0.0.0:70", "[::]:69"], &["0.0.0.0:70", "[::]:69"]),
            (
                &["127.0.0.1:0", "127.0.0.1:0", "[::]:0"],
                &["127.0.0.1:0", "127.0.0.1:0", "[::]:0"],
            ),
            (
                &["[fe80::1%1]:69", "[fe80::1%2]:69"],
                &["[fe80::1%1]:69", "[fe80::1%2]:69"],
            ),
        ] {
            let found = without_covered(addresses(given));
            assert_eq!(found, addresses(left), "{given:?}");
        }
    }

    #[test]
    fn addresses_of_many_machines_are_refused() {
        let is_broadcast = |ip: IpAddr| ip == IpAddr::from([192, 0, 2, 255]);
        for text in ["224.0.0.1:69", "[ff02::1]:69", "[::ffff:239.1.2.3]:69"] {
            let message = resolve("listen", text, is_broadcast).unwrap_err();
            assert!(message.contains("a multicast address"), "{message}");
            assert!(message.contains("[::]:69"), "{message}");
        }
        for text in ["255.255.255.255:69", "192.0.2.255:69"] {
            let message = resolve("http", text, is_broadcast).unwrap_err();
            assert!(message.contains("a broadcast address"), "{message}");
            assert!(message.contains("--http"), "{message}");
        }
        for text in ["192.0.2.254:69", "[::]:69", "0.0.0.0:69", "127.0.0.1:0"] {
            resolve("listen", text, is_broadcast).unwrap();
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn zones_are_names_or_numbers() {
        let expected = addresses(&["[fe80::1%1]:69"]);
        for text in ["[fe80::1%lo]:69", "[fe80::1%25lo]:69", "[fe80::1%1]:69"] {
            assert_eq!(resolve("listen", text, |_| false), Ok(expected.clone()));
        }
        let message = resolve("listen", "[fe80::1%none]:69", |_| false).unwrap_err();
        assert!(
            message.contains("an interface of this machine"),
            "{message}"
        );
    }
}
